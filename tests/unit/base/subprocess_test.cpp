#include "base/subprocess.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace iris {
namespace {

using namespace std::chrono_literals;

TEST(RunProgram, CollectsBothStreamsAndTheStatus) {
  const auto run = run_program({"sh", "-c", "echo out; echo err >&2; exit 3"}, 10s);
  ASSERT_TRUE(run);
  EXPECT_EQ(run->output, "out\n");
  EXPECT_EQ(run->errors, "err\n");
  EXPECT_EQ(run->status.describe(), "exit status 3");
}

TEST(RunProgram, NamesTheProgramThatIsNotThere) {
  const auto run = run_program({"iris-no-such-program"}, 10s);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, ExitCode::kEnvironment);
  EXPECT_EQ(run.error().message, "cannot run 'iris-no-such-program': No such file or directory");
}

TEST(RunProgram, EndsWhatOverstaysItsTime) {
  const auto run = run_program({"sleep", "100"}, 50ms);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().message, "'sleep' did not end within 0.1 s");
}

TEST(Process, ReadsItsInputFromADescriptor) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  auto process =
      Process::start({.argv = {"sh", "-c", "read word; test \"$word\" = given"}, .input = pipe[0]});
  ASSERT_TRUE(process);
  ASSERT_EQ(::write(pipe[1], "given\n", 6), 6);
  const auto status = process->wait(10s);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->ok()) << status->describe();
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(Process, SaysWhichSignalEndedIt) {
  auto process = Process::start({.argv = {"sleep", "100"}});
  ASSERT_TRUE(process);
  EXPECT_FALSE(process->poll());
  process->signal(SIGKILL);
  const auto status = process->wait(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->describe(), "killed by signal 9 (Killed)");
}

TEST(Process, ADroppedProcessIsKilledAndReaped) {
  pid_t pid = 0;
  {
    auto process = Process::start({.argv = {"sleep", "100"}});
    ASSERT_TRUE(process);
    pid = process->pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Process, HandsOverDescriptorsAsSystemdDoes) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  auto process = Process::start(
      {.argv = {"sh", "-c", "echo $LISTEN_FDS $(test $LISTEN_PID = $$ && echo mine) $NAME >&4"},
       .environment = {{"NAME", "value"}},
       .listen_fds = {pipe[0], pipe[1]}});
  ASSERT_TRUE(process);
  ::close(pipe[1]);
  ASSERT_TRUE(process->wait(10s)->ok());
  std::array<char, 64> buffer{};
  const ssize_t size = ::read(pipe[0], buffer.data(), buffer.size());
  ::close(pipe[0]);
  EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(size)), "2 mine value\n");
}

TEST(Process, FailsWhenItCannotJoin) {
  const auto process = Process::start({.argv = {"true"}, .join = {"/nonexistent/cgroup.procs"}});
  EXPECT_FALSE(process);
}

}  // namespace
}  // namespace iris
