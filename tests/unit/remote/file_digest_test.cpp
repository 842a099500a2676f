// The digest of a file that grows is that of its bytes, however they came.
#include "remote/file_digest.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "base/digest.hpp"

namespace iris::remote {
namespace {

// Bytes that differ from block to block.
std::string content(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + (i >> 12));
  return bytes;
}

class FileDigestTest : public ::testing::Test {
 protected:
  void write(const std::string& bytes, std::size_t step) {
    for (std::size_t i = 0; i < bytes.size(); i += step) {
      const std::size_t size = std::min(step, bytes.size() - i);
      ASSERT_EQ(::write(fd_, bytes.data() + i, size), static_cast<ssize_t>(size));
      digest_.grown_to(i + size);
    }
  }

  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{std::tmpfile(), &std::fclose};
  const int fd_ = ::fileno(file_.get());
  FileDigest digest_{fd_};
};

TEST_F(FileDigestTest, NothingHasTheDigestOfNothing) {
  EXPECT_EQ(digest_.hex().value(), md5_hex(""));
}

TEST_F(FileDigestTest, SmallFileNeedsNoThread) {
  const auto bytes = content(70'001);
  write(bytes, 1'000);
  EXPECT_EQ(digest_.hex().value(), md5_hex(bytes));
}

TEST_F(FileDigestTest, LargeFileInSmallAndLargeSteps) {
  const auto bytes = content((std::size_t{21} << 20) + 17);
  write(bytes, 65'537);
  EXPECT_EQ(digest_.hex().value(), md5_hex(bytes));
}

TEST_F(FileDigestTest, WhatWasThereBeforeCounts) {
  const auto bytes = content((std::size_t{6} << 20) + 1);
  ASSERT_EQ(::write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  digest_.grown_to(bytes.size());
  EXPECT_EQ(digest_.hex().value(), md5_hex(bytes));
}

TEST_F(FileDigestTest, BeginsAnew) {
  write(content(std::size_t{9} << 20), std::size_t{1} << 20);
  digest_.restart();
  ASSERT_EQ(::ftruncate(fd_, 0), 0);
  ASSERT_EQ(::lseek(fd_, 0, SEEK_SET), 0);
  const auto bytes = content(std::size_t{5} << 20);
  write(bytes, std::size_t{1} << 19);
  EXPECT_EQ(digest_.hex().value(), md5_hex(bytes));
}

TEST_F(FileDigestTest, FileThatBecomesShorterIsAnError) {
  const auto bytes = content(100);
  ASSERT_EQ(::write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  digest_.grown_to(std::size_t{8} << 20);
  const auto hex = digest_.hex();
  ASSERT_FALSE(hex.has_value());
  EXPECT_EQ(hex.error().message, "cannot read it again: it became shorter");
}

TEST_F(FileDigestTest, EndsBeforeItIsAsked) {
  write(content(std::size_t{8} << 20), 1 << 20);
}

}  // namespace
}  // namespace iris::remote
