#include "base/file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/digest.hpp"

namespace iris {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "iris-file-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(FileTest, WritesThroughMissingFoldersAndLeavesNothingElse) {
  const std::string path = folder_ + "/a/b/c.txt";
  ASSERT_TRUE(write_file(path, "one"));
  ASSERT_TRUE(write_file(path, "two"));
  EXPECT_EQ(*read_file(path), "two");
  const std::filesystem::directory_iterator entries(folder_ + "/a/b");
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(FileTest, AFailedWriteLeavesNothingBehind) {
  ASSERT_TRUE(write_file(folder_ + "/taken/inside", "x"));
  EXPECT_FALSE(write_file(folder_ + "/taken", "y"));
  const std::filesystem::directory_iterator entries(folder_);
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(FileTest, ReadNamesTheBoundAndTheFile) {
  const std::string path = folder_ + "/big";
  ASSERT_TRUE(write_file(path, "12345"));
  const auto bytes = read_file(path, 4);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().message, path + ": found 5 bytes, expected at most 4");
  EXPECT_FALSE(read_file(folder_));
  EXPECT_FALSE(read_file(folder_ + "/missing"));
}

TEST_F(FileTest, DigestsMatchTheirPublishedValues) {
  EXPECT_EQ(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_base64("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  const std::string path = folder_ + "/f";
  ASSERT_TRUE(write_file(path, std::string(200'000, 'x')));
  EXPECT_EQ(*md5_hex_of_file(path), md5_hex(std::string(200'000, 'x')));
}

}  // namespace
}  // namespace iris
