#include "scale/cluster/preflight.hpp"

#include <gtest/gtest.h>

namespace iris::scale::cluster {
namespace {

TEST(Version, IsReadFromWhatKubectlSays) {
  EXPECT_EQ(parse_version("v1.32.4-dispatcher"), (Version{1, 32}));
  EXPECT_EQ(parse_version("v1.20.2"), (Version{1, 20}));
  EXPECT_EQ(parse_version("1.34+"), (Version{1, 34}));
  EXPECT_EQ(parse_version(""), (Version{}));
  EXPECT_EQ(parse_version("v1"), (Version{}));
  EXPECT_LT(parse_version("v1.9.0"), parse_version("v1.20.0"));
}

}  // namespace
}  // namespace iris::scale::cluster
