// What a web server can do wrong, and what then becomes of a download.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "remote/partial_file.hpp"
#include "remote/remote.hpp"
#include "stand_in.hpp"

namespace iris::remote {
namespace {

namespace fs = std::filesystem;

const std::string kContent = "0123456789abcdef";

class HttpRemoteTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "iris-remote-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    options_.retry.attempts = 4;
    options_.random = [] { return 1.0; };
    options_.sleep = [this](Nanoseconds pause) { pauses_.push_back(to_seconds(pause)); };
    options_.stall_timeout = std::chrono::seconds(1);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<Remote> open(const StandIn& server,
                               std::map<std::string, std::string> settings = {}) {
    auto remote = open_remote({server.url() + "/store", std::move(settings)}, options_);
    EXPECT_TRUE(remote) << remote.error().message;
    return remote ? std::move(*remote) : nullptr;
  }
  // What a download ends with: the content, "missing", or the error's message.
  std::string get(const StandIn& server, std::map<std::string, std::string> settings = {}) {
    auto remote = open(server, std::move(settings));
    auto file = PartialFile::open(folder_ + "/x.part", {}).value();
    const auto found = remote->get("ab/cd", *file);
    if (!found) return found.error().message;
    return *found ? *read_file(folder_ + "/x.part") : "missing";
  }

  std::string folder_;
  RemoteOptions options_;
  std::vector<double> pauses_;
};

TEST_F(HttpRemoteTest, FetchesAnObject) {
  StandIn server([](const Asked&, int) { return answer(200, kContent); });
  EXPECT_EQ(get(server), kContent);
  ASSERT_EQ(server.asked().size(), 1U);
  EXPECT_EQ(server.asked()[0].target, "/store/ab/cd");
  EXPECT_TRUE(pauses_.empty());
}

TEST_F(HttpRemoteTest, ABodyThatIsCutOffIsContinuedWhereItEnded) {
  StandIn server([](const Asked& asked, int number) {
    if (number == 0) return answer(200, kContent.substr(0, 6), "", 16);
    EXPECT_EQ(asked.header("Range"), "bytes=6-");
    return answer(206, kContent.substr(6), "Content-Range: bytes 6-15/16\r\n");
  });
  EXPECT_EQ(get(server), kContent);
  EXPECT_EQ(server.asked().size(), 2U);
}

TEST_F(HttpRemoteTest, AServerThatIgnoresTheRangeIsReadFromTheBeginning) {
  ASSERT_TRUE(write_file(folder_ + "/x.part", "012345"));
  StandIn server([](const Asked&, int) { return answer(200, kContent); });
  EXPECT_EQ(get(server), kContent);
}

TEST_F(HttpRemoteTest, AnotherRangeThanAskedForIsRefused) {
  ASSERT_TRUE(write_file(folder_ + "/x.part", "012345"));
  StandIn server([](const Asked&, int) {
    return answer(206, kContent.substr(4), "Content-Range: bytes 4-15/16\r\n");
  });
  EXPECT_NE(get(server).find("expected one from byte 6 on"), std::string::npos);
  EXPECT_EQ(server.asked().size(), 1U);
}

TEST_F(HttpRemoteTest, WhatIsWholeAlreadyIsNotFetchedAgain) {
  ASSERT_TRUE(write_file(folder_ + "/x.part", kContent));
  StandIn server(
      [](const Asked&, int) { return answer(416, "", "Content-Range: bytes */16\r\n"); });
  EXPECT_EQ(get(server), kContent);
}

TEST_F(HttpRemoteTest, WhatIsLongerThanTheObjectBeginsAnew) {
  ASSERT_TRUE(write_file(folder_ + "/x.part", kContent + "and more"));
  StandIn server([](const Asked&, int number) {
    return number == 0 ? answer(416, "", "Content-Range: bytes */16\r\n") : answer(200, kContent);
  });
  EXPECT_EQ(get(server), kContent);
}

TEST_F(HttpRemoteTest, TroubleThatMayPassIsWaitedFor) {
  for (const int status : {429, 500, 502, 503, 504, 408}) {
    pauses_.clear();
    StandIn server([&](const Asked&, int number) {
      return number < 2 ? answer(status, "") : answer(200, kContent);
    });
    EXPECT_EQ(get(server), kContent) << status;
    EXPECT_EQ(pauses_, (std::vector{0.5, 1.0})) << status;
    fs::remove(folder_ + "/x.part");
  }
}

TEST_F(HttpRemoteTest, TheServersOwnPauseCounts) {
  StandIn server([](const Asked&, int number) {
    return number == 0 ? answer(503, "", "Retry-After: 7\r\n") : answer(200, kContent);
  });
  EXPECT_EQ(get(server), kContent);
  EXPECT_EQ(pauses_, std::vector{7.0});
}

TEST_F(HttpRemoteTest, PatienceEnds) {
  StandIn server([](const Asked&, int) { return answer(500, ""); });
  const auto said = get(server);
  EXPECT_NE(said.find("/store/ab/cd: the server answered 500"), std::string::npos) << said;
  EXPECT_EQ(server.asked().size(), 4U);
  EXPECT_EQ(pauses_, (std::vector{0.5, 1.0, 2.0}));
}

TEST_F(HttpRemoteTest, WhatWeDidWrongIsNotTriedAgain) {
  for (const int status : {400, 401, 403, 405, 501}) {
    StandIn server([&](const Asked&, int) { return answer(status, "<html>"); });
    const auto said = get(server);
    EXPECT_NE(said.find("answered " + std::to_string(status)), std::string::npos) << said;
    EXPECT_EQ(said.find("<html>"), std::string::npos);
    EXPECT_EQ(server.asked().size(), 1U);
  }
  EXPECT_TRUE(pauses_.empty());
}

TEST_F(HttpRemoteTest, NotFoundIsNoError) {
  StandIn server([](const Asked&, int) { return answer(404, "no"); });
  EXPECT_EQ(get(server), "missing");
}

TEST_F(HttpRemoteTest, AServerThatStallsIsLeftAndAskedAgain) {
  StandIn server([](const Asked&, int number) {
    if (number > 0) return answer(206, kContent.substr(6), "Content-Range: bytes 6-15/16\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    return std::string();
  });
  ASSERT_TRUE(write_file(folder_ + "/x.part", "012345"));
  EXPECT_EQ(get(server), kContent);
  EXPECT_GE(pauses_.size(), 1U);  // the second try may come while the first is still answered
}

TEST_F(HttpRemoteTest, NobodyListeningIsTriedAgainAndNamed) {
  std::string url;
  {
    const StandIn gone([](const Asked&, int) { return std::string(); });
    url = gone.url();
  }
  auto remote = open_remote({url, {}}, options_).value();
  const auto found = remote->find("ab/cd");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ExitCode::kEnvironment);
  EXPECT_NE(found.error().message.find(url + "/ab/cd: "), std::string::npos);
  EXPECT_EQ(pauses_.size(), 3U);
}

TEST_F(HttpRemoteTest, ARedirectIsFollowedAndThePasswordStays) {
  StandIn other([](const Asked& asked, int) {
    EXPECT_EQ(asked.header("Authorization"), "");
    return answer(200, kContent);
  });
  StandIn server([&](const Asked& asked, int) {
    EXPECT_EQ(asked.header("Authorization"), "Basic bWU6c2VjcmV0");
    return answer(302, "", "Location: " + other.url() + "/elsewhere?signature=hidden\r\n");
  });
  EXPECT_EQ(get(server, {{"auth", "basic"}, {"user", "me"}, {"password", "secret"}}), kContent);
}

TEST_F(HttpRemoteTest, RedirectsInACircleEnd) {
  StandIn server(
      [](const Asked&, int) { return answer(302, "", "Location: /again?key=hidden\r\n"); });
  const auto said = get(server);
  EXPECT_NE(said.find("one too many in a row"), std::string::npos) << said;
  EXPECT_EQ(said.find("hidden"), std::string::npos) << said;
  EXPECT_EQ(server.asked().size(), 6U);
}

TEST_F(HttpRemoteTest, SendsAFileAgainWhenItFailed) {
  ASSERT_TRUE(write_file(folder_ + "/x", kContent));
  std::int64_t told = 0;
  StandIn server([](const Asked& asked, int number) {
    EXPECT_EQ(asked.method, "PUT");
    EXPECT_EQ(asked.body, kContent);
    return answer(number == 0 ? 503 : 201, "");
  });
  auto remote = open(server, {{"method", "PUT"}});
  const auto put = remote->put("ab/cd", {.file = folder_ + "/x",
                                         .bytes = kContent.size(),
                                         .md5 = md5_hex(kContent),
                                         .session = {},
                                         .on_bytes = [&](std::int64_t bytes) { told += bytes; }});
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(told, static_cast<std::int64_t>(kContent.size()));
  EXPECT_EQ(server.asked().size(), 2U);
}

TEST_F(HttpRemoteTest, SettingsThatLackSomethingAreNamed) {
  const auto said = [&](std::map<std::string, std::string> settings) {
    const auto remote = open_remote({"http://127.0.0.1:1", std::move(settings)}, options_);
    return remote ? "no error" : remote.error().message;
  };
  EXPECT_NE(said({{"auth", "basic"}, {"user", "me"}}).find("found no password"), std::string::npos);
  EXPECT_NE(said({{"auth", "digest"}, {"password", "secret"}}).find("expected basic or custom"),
            std::string::npos);
}

}  // namespace
}  // namespace iris::remote
