// Child processes: started with exact descriptors, environment and control groups, and never left
// behind: a child gets SIGKILL when the thread that started it dies, however it dies.
//
//   auto wrk = Process::start({.argv = {"wrk", "-d5s", url}, .output = Output::kPipe});
//   auto run = run_program({"git", "rev-parse", "HEAD"}, 5s);
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace iris {

enum class Output { kInherit, kDiscard, kPipe };

struct ProcessOptions {
  std::vector<std::string> argv{};                                 // argv[0] is looked up in PATH
  std::vector<std::pair<std::string, std::string>> environment{};  // added to the inherited one
  // Descriptors that the child gets as 3, 4, … with LISTEN_FDS and LISTEN_PID set, as systemd does
  // (sd_listen_fds(3)).
  std::vector<int> listen_fds{};
  // Files that the child writes its own process id to before it executes (cgroup.procs).
  std::vector<std::string> join{};
  int input = -1;                    // becomes its standard input; -1: the parent's
  Output output = Output::kInherit;  // kPipe: standard output
  Output errors = Output::kInherit;  // kPipe: standard error
  bool own_process_group = false;    // a Ctrl-C on the terminal then reaches the parent alone
};

// How a child ended.
struct ExitStatus {
  int code = 0;    // exit status when signal is 0
  int signal = 0;  // the signal that ended it
  bool ok() const { return code == 0 && signal == 0; }
  std::string describe() const;  // "exit status 1", "killed by signal 9 (Killed)"
};

class Process {
 public:
  // Fails, naming the program, when it cannot be executed.
  static Result<Process> start(const ProcessOptions& options);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  // Kills and reaps a child that still runs.
  ~Process();

  pid_t pid() const { return pid_; }
  // Readable when the child has ended; for poll and event loops.
  int pidfd() const { return pidfd_; }
  // Non-blocking ends of the child's piped standard output and error; -1 when not piped.
  int output_fd() const { return output_fd_; }
  int errors_fd() const { return errors_fd_; }

  // Reaps the child if it has ended.
  std::optional<ExitStatus> poll();
  // Waits until it ends or the time is over.
  std::optional<ExitStatus> wait(Nanoseconds timeout);
  // No effect once the child was reaped.
  void signal(int number) const;

 private:
  Process() = default;
  void release() noexcept;

  pid_t pid_ = -1;
  int pidfd_ = -1;
  int output_fd_ = -1;
  int errors_fd_ = -1;
  std::optional<ExitStatus> status_;
};

struct ProgramResult {
  ExitStatus status;
  std::string output;
  std::string errors;
};

// Runs a program to its end and collects what it prints (16 MiB of each stream at most, the rest is
// dropped). Fails when it cannot be executed or does not end in time (it is then killed).
Result<ProgramResult> run_program(const std::vector<std::string>& argv, Nanoseconds timeout);

}  // namespace iris
