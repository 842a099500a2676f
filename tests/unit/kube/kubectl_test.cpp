#include "kube/kubectl.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "base/file.hpp"

namespace iris::kube {
namespace {

using namespace std::chrono_literals;
using Kind = KubectlAnswer::Kind;

// A program in kubectl's place: the shell script that each test gives.
class KubectlTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "kubectl_test";
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Kubectl as(const std::string& script, const Interrupt* interrupt = nullptr) {
    const auto path = folder_ + "/kubectl";
    EXPECT_TRUE(write_file(path, "#!/bin/sh\n" + script + "\n"));
    ::chmod(path.c_str(), 0755);
    return Kubectl(path, interrupt);
  }

  std::string folder_;
};

TEST_F(KubectlTest, PassesArgumentsAndInputAndABoundOnEachRequest) {
  const auto answer = as("echo \"$@\"; cat").run({{"get", "pods"}, "the input", 7s});
  EXPECT_TRUE(answer.ok()) << answer.message;
  EXPECT_EQ(answer.output, "--request-timeout=7s get pods\nthe input");
}

TEST_F(KubectlTest, HasNoInputUnlessItIsGivenOne) {
  const auto answer = as("cat; echo end").run({{"get"}});
  EXPECT_EQ(answer.output, "end\n");
}

TEST_F(KubectlTest, AFailureHasAKindAndKubectlsWords) {
  const auto answer =
      as("echo partial; echo 'E0101 00:00:00.000000 1 memcache.go:265] noise' >&2;"
         "echo 'Warning: old' >&2; echo 'Error from server (NotFound): pods \"x\" not found' >&2;"
         "exit 1")
          .run({{"get"}});
  EXPECT_EQ(answer.kind, Kind::kNotFound);
  EXPECT_EQ(answer.message, "Error from server (NotFound): pods \"x\" not found");
  const Result<void> failed = answer.error("reading");
  EXPECT_EQ(failed.error().code, ExitCode::kEnvironment);
}

TEST_F(KubectlTest, AProgramThatIsNotThereIsMissing) {
  EXPECT_EQ(Kubectl("iris-no-such-kubectl").run({{"version"}}).kind, Kind::kMissing);
}

TEST_F(KubectlTest, AHungCallEndsAtItsDeadline) {
  const SystemClock clock;
  const auto began = clock.steady();
  const auto answer = as("exec sleep 60").run({{"get"}, "", 100ms});
  EXPECT_EQ(answer.kind, Kind::kUnreachable);
  EXPECT_LT(clock.steady() - began, 20s);
}

TEST_F(KubectlTest, AnInterruptEndsACallAtOnceButNotTidyingUp) {
  const auto interrupt = Interrupt::open();
  ASSERT_TRUE(interrupt);
  const auto slow = as("exec sleep 60", &*interrupt);
  const auto quick = as("sleep 0.1; echo done", &*interrupt).uninterrupted();
  ASSERT_EQ(::raise(SIGINT), 0);
  EXPECT_EQ(slow.run({{"get"}}).kind, Kind::kInterrupted);
  EXPECT_EQ(quick.run({{"get"}}).output, "done\n");
}

TEST_F(KubectlTest, CallsRunAtTheSameTimeAndKeepTheirOrder) {
  const SystemClock clock;
  const auto began = clock.steady();
  const auto answers = as("sleep $2; echo $2").run_all({{{"0.3"}}, {{"0.1"}}, {{"0.2"}}});
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0].output, "0.3\n");
  EXPECT_EQ(answers[1].output, "0.1\n");
  EXPECT_LT(clock.steady() - began, 590ms);
}

TEST_F(KubectlTest, AnAnswerBeyondTheBoundIsRefused) {
  const auto answer = as("head -c 20000000 /dev/zero").run({{"get"}});
  EXPECT_EQ(answer.kind, Kind::kRefused);
  EXPECT_EQ(answer.message, "the answer is larger than 16 MiB");
}

TEST_F(KubectlTest, ReadsSeveralValuesBehindEachOther) {
  std::vector<nlohmann::json> values;
  EXPECT_TRUE(as("printf '{\"a\": 1}\\n{\"a\": 2}\\n'").read({{"create"}}, values).ok());
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[1]["a"], 2);
  EXPECT_EQ(as("printf '{\"a\"'").read({{"create"}}, values).kind, Kind::kRefused);
}

TEST(KubectlErrors, AreToldApart) {
  const auto expect = [](Kind kind, const char* text) { EXPECT_EQ(classify(text), kind) << text; };
  expect(Kind::kUnreachable,
         "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or "
         "port?");
  expect(Kind::kUnreachable, "Unable to connect to the server: dial tcp: lookup nowhere");
  expect(Kind::kUnreachable,
         "Error from server (ServiceUnavailable): the server is currently unable to handle the "
         "request");
  expect(Kind::kForbidden,
         "Error from server (Forbidden): pods is forbidden: User \"u\" cannot list resource "
         "\"pods\"");
  expect(Kind::kUnauthorized, "error: You must be logged in to the server (Unauthorized)");
  expect(Kind::kNotFound,
         "Error from server (NotFound): the server could not find the requested "
         "resource");
  expect(Kind::kNotFound, "error: the server doesn't have a resource type \"pdos\"");
  expect(Kind::kRefused, "The Deployment \"x\" is invalid: spec.replicas: must be at least 0");
}

}  // namespace
}  // namespace iris::kube
