#include "serve/v2_known_json.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace iris::serve {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr const char* kJson = R"({"any":"text"})";

std::string bytes_of(const std::vector<float>& numbers) {
  std::string bytes(numbers.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

// Knows of two rows of two features, given feature by feature.
V2KnownJson known(const std::string& json = kJson) {
  V2Request request;
  request.values.resize(4);
  request.rows = 2;
  const std::string id = "an id that is too long for a small string";
  request.id = id;
  request.output_list[0] = {V2Output::kProbabilities, true};
  request.output_count = 1;
  V2KnownJson result;
  result.forget();
  result.add({find_datatype("FP32"), 2, 1, 2});
  result.add({find_datatype("FP32"), 2, 0, 2});
  result.keep(json, request);
  return result;
}

TEST(V2KnownJson, TakesTheTensorsBehindTheSameBytes) {
  const auto said = known();
  V2Request request;
  ASSERT_TRUE(said.take(kJson, bytes_of({1, 2, 3, 4}), request));
  EXPECT_EQ(request.values, (std::vector<float>{3, 1, 4, 2}));
  EXPECT_EQ(request.rows, 2U);
  EXPECT_EQ(request.id, "an id that is too long for a small string");
  ASSERT_EQ(request.outputs().size(), 1U);
  EXPECT_EQ(request.outputs()[0].output, V2Output::kProbabilities);
  EXPECT_TRUE(request.outputs()[0].binary);
}

TEST(V2KnownJson, LeavesEverythingElse) {
  const auto said = known();
  const auto good = bytes_of({1, 2, 3, 4});
  V2Request request;
  EXPECT_FALSE(said.take(R"({"any":"texT"})", good, request));
  EXPECT_FALSE(said.take("", good, request));
  EXPECT_FALSE(said.take(kJson, good.substr(1), request));
  EXPECT_FALSE(said.take(kJson, good + "x", request));
  EXPECT_FALSE(said.take(kJson, "", request));
  EXPECT_FALSE(said.take(kJson, bytes_of({1, 2, 3, kInfinity}), request));
}

TEST(V2KnownJson, ForgetsAndDoesNotKeepLongJson) {
  V2Request request;
  auto said = known();
  said.forget();
  EXPECT_FALSE(said.take(kJson, bytes_of({1, 2, 3, 4}), request));
  const std::string longest(1024, ' ');
  EXPECT_TRUE(known(longest).take(longest, bytes_of({1, 2, 3, 4}), request));
  EXPECT_FALSE(known(longest + " ").take(longest + " ", bytes_of({1, 2, 3, 4}), request));
}

}  // namespace
}  // namespace iris::serve
