#include "base/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
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

// And waits for nobody.
TEST_F(FileTest, NamesWhatIsNoFile) {
  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(read_file(fifo).error().message, fifo + ": found a FIFO, expected a regular file");
  EXPECT_EQ(read_file(folder_).error().message,
            folder_ + ": found a folder, expected a regular file");
  EXPECT_EQ(read_file("/dev/null").error().message,
            "/dev/null: found a character device, expected a regular file");
  EXPECT_NE(read_file(fifo, 100, InputKind::kFileOrPipe).error().message.find("open pipe"),
            std::string::npos);
  EXPECT_FALSE(write_file(fifo, "x"));
  EXPECT_TRUE(write_file("/dev/null", "x"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST_F(FileTest, ReadsAnOpenPipeWhereThatIsSensible) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Fd reader(ends[0]);
  const std::string path = "/dev/fd/" + std::to_string(ends[0]);
  {
    const Fd writer(ends[1]);
    ASSERT_EQ(::write(writer.get(), "12345", 5), 5);
    EXPECT_FALSE(read_file(path));
  }
  EXPECT_EQ(*read_file(path, 5, InputKind::kFileOrPipe), "12345");
}

TEST_F(FileTest, ReadsOfAPipeNoMoreThanTheBound) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  ASSERT_EQ(::write(writer.get(), "12345", 5), 5);
  const auto bytes = read_file("/dev/fd/" + std::to_string(ends[0]), 4, InputKind::kFileOrPipe);
  ASSERT_FALSE(bytes);
  EXPECT_NE(bytes.error().message.find("more than 4 bytes"), std::string::npos);
}

// Bytes that are written behind are not waited for, and take no memory.
TEST_F(FileTest, DoesNotFollowAFileThatGrows) {
  const std::string path = folder_ + "/growing";
  ASSERT_TRUE(write_file(path, "12345"));
  const auto file = open_input(path);
  ASSERT_TRUE(file);
  std::filesystem::resize_file(path, 1 << 20);
  EXPECT_EQ(*read_input(*file, path), "12345");
  std::filesystem::resize_file(path, 2);
  EXPECT_EQ(*read_input(*file, path), "12");
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
