#include "serve/access_log.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.hpp"
#include "scratch_folder.hpp"

namespace iris::serve {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

class AccessLogTest : public testing::Test {
 protected:
  std::vector<Json> lines() const {
    std::vector<Json> found;
    std::istringstream text(*read_file(path_, 16 << 20));
    for (std::string line; std::getline(text, line);) found.push_back(Json::parse(line));
    return found;
  }

  const ScratchFolder folder_;
  const std::string path_ = folder_ / "access.log";
  ManualClock clock_{WallTime(1'700'000'000'123ms)};
  Log messages_;
};

TEST_F(AccessLogTest, WritesALineOfJsonForEachEntry) {
  auto log = AccessLog::open(path_, clock_, messages_);
  ASSERT_TRUE(log);
  (*log)->add({.method = "POST",
               .path = "/predict",
               .route = "predict",
               .status = 200,
               .bytes_in = 69,
               .bytes_out = 190,
               .queued = 12us,
               .handled = 5us,
               .request_id = "a\"b",
               .traceparent = "00-ab-cd-01"});
  (*log)->add({.route = "other", .status = 400, .refusal = "framing"});
  (*log)->flush();
  const auto found = lines();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0], Json({{"time", "2023-11-14T22:13:20.123Z"},
                            {"method", "POST"},
                            {"path", "/predict"},
                            {"route", "predict"},
                            {"status", 200},
                            {"bytes_in", 69},
                            {"bytes_out", 190},
                            {"queued_us", 12},
                            {"handled_us", 5},
                            {"request_id", "a\"b"},
                            {"traceparent", "00-ab-cd-01"},
                            {"refusal", nullptr}}));
  EXPECT_EQ(found[1]["method"], nullptr);
  EXPECT_EQ(found[1]["refusal"], "framing");
}

TEST_F(AccessLogTest, SurvivesWhatClientsSend) {
  auto log = AccessLog::open(path_, clock_, messages_);
  ASSERT_TRUE(log);
  (*log)->add({.path = "/\xff\x01\n\"" + std::string(1000, 'x')});
  (*log)->flush();
  const auto found = lines();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["path"].get<std::string>().substr(0, 6), "/???\"x");
  EXPECT_EQ(found[0]["path"].get<std::string>().size(), 256U);
}

// Nobody reads the pipe: the threads that serve must not notice.
TEST_F(AccessLogTest, DropsLinesRatherThanWait) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  auto log = AccessLog::open("/proc/self/fd/" + std::to_string(ends[1]), clock_, messages_);
  ASSERT_TRUE(log);
  const std::string path(200, 'x');
  for (int i = 0; i < 40'000; ++i) {
    (*log)->add({.path = path});
    if (i % 1000 == 0) (*log)->flush();
  }
  EXPECT_GT((*log)->dropped(), 0U);
}

// What failed is counted; what waits is written when there is room again.
TEST_F(AccessLogTest, CountsWhatAFullDiskRefuses) {
  std::filesystem::create_symlink("/dev/full", path_);
  auto log = AccessLog::open(path_, clock_, messages_);
  ASSERT_TRUE(log);
  (*log)->add({.path = "/one"});
  testing::internal::CaptureStderr();
  (*log)->flush();
  (*log)->flush();
  EXPECT_EQ((*log)->failures(), 2U);
  EXPECT_EQ((*log)->dropped(), 0U);
  std::filesystem::remove(path_);
  (*log)->reopen();
  (*log)->add({.path = "/two"});
  (*log)->flush();
  (*log)->flush();
  const auto messages = testing::internal::GetCapturedStderr();
  EXPECT_EQ(lines().size(), 2U);
  const auto first = messages.find("No space left on device");
  EXPECT_NE(first, std::string::npos) << messages;
  EXPECT_EQ(messages.find("No space left on device", first + 1), std::string::npos) << messages;
  EXPECT_NE(messages.find("written again; 0 lines were dropped"), std::string::npos) << messages;
}

TEST_F(AccessLogTest, WritesOnInANewFileOnceTheOldOneWasRotated) {
  auto log = AccessLog::open(path_, clock_, messages_);
  ASSERT_TRUE(log);
  (*log)->add({.path = "/one"});
  std::filesystem::rename(path_, path_ + ".1");
  (*log)->reopen();
  (*log)->add({.path = "/two"});
  (*log)->reopen();
  (*log)->add({.path = "/three"});
  (*log)->flush();
  const auto found = lines();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0]["path"], "/two");
  EXPECT_NE(read_file(path_ + ".1")->find("/one"), std::string::npos);
  std::filesystem::rename(path_, path_ + ".2");
  std::filesystem::create_directory(path_);
  (*log)->reopen();  // which is refused
  (*log)->add({.path = "/four"});
  (*log)->flush();
  EXPECT_NE(read_file(path_ + ".2")->find("/four"), std::string::npos);
}

TEST_F(AccessLogTest, WaitsForNoReaderOfAFifo) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const auto log = AccessLog::open(path_, clock_, messages_);
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message.find("a FIFO that nobody reads"), std::string::npos);
}

TEST_F(AccessLogTest, NamesAFileThatCannotBeOpened) {
  const auto log = AccessLog::open(folder_ / "no/such/folder", clock_, messages_);
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message.find("no/such/folder"), std::string::npos);
}

TEST(Sampler, TakesTheShareEvenly) {
  Sampler all(1);
  Sampler none(0);
  Sampler tenth(0.1);
  int taken = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(all.take());
    EXPECT_FALSE(none.take());
    taken += tenth.take() ? 1 : 0;
  }
  EXPECT_NEAR(taken, 100, 1);
}

}  // namespace
}  // namespace iris::serve
