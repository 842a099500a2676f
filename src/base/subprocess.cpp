#include "base/subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace iris {
namespace {

constexpr std::size_t kCollectBytes = std::size_t{16} << 20;
constexpr int kFirstListenFd = 3;

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return environment_error("cannot make a pipe: {}", std::strerror(errno));
  }
  return Pipe{ends[0], ends[1]};
}

void close_if_open(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

// Everything the child needs between fork and exec, made before the fork: after it, in a program
// with threads, only async-signal-safe calls are allowed, and malloc is none.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  std::size_t listen_pid_at = 0;  // index in environment of LISTEN_PID, if there are listen_fds
  std::vector<int> listen_fds;    // duplicated above the range that they will be moved to
  std::vector<const char*> join;
  int input = -1;
  int output = -1;
  int errors = -1;
  int report = -1;
  bool own_process_group = false;
  pid_t parent = -1;
};

void append_number(char* text, long value) {
  std::array<char, 24> digits{};
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (count > 0) *text++ = digits[--count];
  *text = '\0';
}

[[noreturn]] void report_and_exit(const ChildPlan& plan) {
  const int number = errno;
  [[maybe_unused]] const ssize_t ignored = ::write(plan.report, &number, sizeof number);
  ::_exit(127);
}

[[noreturn]] void become_child(const ChildPlan& plan) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);  // the parent died before the line above
  if (plan.own_process_group) ::setpgid(0, 0);

  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);

  for (const char* path : plan.join) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, "0", 1) != 1) report_and_exit(plan);
    ::close(fd);
  }
  if (plan.input >= 0 && ::dup2(plan.input, STDIN_FILENO) < 0) report_and_exit(plan);
  if (plan.output >= 0 && ::dup2(plan.output, STDOUT_FILENO) < 0) report_and_exit(plan);
  if (plan.errors >= 0 && ::dup2(plan.errors, STDERR_FILENO) < 0) report_and_exit(plan);
  int target = kFirstListenFd;
  for (const int fd : plan.listen_fds) {
    if (::dup2(fd, target++) < 0) report_and_exit(plan);  // dup2 clears close-on-exec
  }
  if (!plan.listen_fds.empty()) {
    char* text = plan.environment[plan.listen_pid_at];
    append_number(text + std::strlen("LISTEN_PID="), ::getpid());
  }
  ::execvpe(plan.argv[0], plan.argv.data(), plan.environment.data());
  report_and_exit(plan);
}

void build_environment(const ProcessOptions& options, ChildPlan& plan) {
  auto added = options.environment;
  if (!options.listen_fds.empty()) {
    added.emplace_back("LISTEN_FDS", std::to_string(options.listen_fds.size()));
    added.emplace_back("LISTEN_PID", std::string(24, ' '));
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto name = text.substr(0, text.find('='));
    if (std::none_of(added.begin(), added.end(), [&](auto& pair) { return pair.first == name; })) {
      plan.environment_text.emplace_back(text);
    }
  }
  for (const auto& [name, value] : added) {
    if (name == "LISTEN_PID") plan.listen_pid_at = plan.environment_text.size();
    plan.environment_text.push_back(name + "=" + value);
  }
  for (auto& text : plan.environment_text) plan.environment.push_back(text.data());
  plan.environment.push_back(nullptr);
}

// Reads all that is there now; false at the end of the stream.
bool drain(int fd, std::string& into) {
  std::array<char, 16 * 1024> buffer{};
  while (true) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size > 0) {
      const std::size_t room = kCollectBytes - std::min(kCollectBytes, into.size());
      into.append(buffer.data(), std::min(room, static_cast<std::size_t>(size)));
      continue;
    }
    if (size < 0 && errno == EINTR) continue;
    return size < 0 && errno == EAGAIN;
  }
}

}  // namespace

std::string ExitStatus::describe() const {
  if (signal != 0) return fmt::format("killed by signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exit status {}", code);
}

Result<Process> Process::start(const ProcessOptions& options) {
  ChildPlan plan;
  for (const auto& argument : options.argv) {
    plan.argv.push_back(const_cast<char*>(argument.c_str()));  // execvpe does not write
  }
  plan.argv.push_back(nullptr);
  build_environment(options, plan);
  for (const auto& path : options.join) plan.join.push_back(path.c_str());
  plan.own_process_group = options.own_process_group;
  plan.parent = ::getpid();

  Pipe report;
  Pipe output;
  Pipe errors;
  int discard = -1;
  const auto close_child_ends = [&] {
    close_if_open(report.write_end);
    close_if_open(output.write_end);
    close_if_open(errors.write_end);
    close_if_open(discard);
    for (int& fd : plan.listen_fds) close_if_open(fd);
  };
  const auto fail = [&](const Error& error) {
    close_child_ends();
    close_if_open(report.read_end);
    close_if_open(output.read_end);
    close_if_open(errors.read_end);
    return tl::unexpected(error);
  };
  if (auto made = make_pipe())
    report = *made;
  else
    return fail(made.error());
  if (options.output == Output::kPipe) {
    if (auto made = make_pipe())
      output = *made;
    else
      return fail(made.error());
  }
  if (options.errors == Output::kPipe) {
    if (auto made = make_pipe())
      errors = *made;
    else
      return fail(made.error());
  }
  if (options.output == Output::kDiscard || options.errors == Output::kDiscard) {
    discard = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  }
  plan.report = report.write_end;
  plan.input = options.input;
  plan.output = options.output == Output::kDiscard ? discard : output.write_end;
  plan.errors = options.errors == Output::kDiscard ? discard : errors.write_end;
  const int above = kFirstListenFd + static_cast<int>(options.listen_fds.size());
  for (const int fd : options.listen_fds) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, above);
    if (copy < 0) {
      return fail({ExitCode::kEnvironment,
                   fmt::format("cannot duplicate a descriptor: {}", std::strerror(errno))});
    }
    plan.listen_fds.push_back(copy);
  }
  // The report pipe must not sit where a listening socket will be moved to.
  if (plan.report < above && !plan.listen_fds.empty()) {
    const int copy = ::fcntl(plan.report, F_DUPFD_CLOEXEC, above);
    if (copy < 0) {
      return fail({ExitCode::kEnvironment,
                   fmt::format("cannot duplicate a descriptor: {}", std::strerror(errno))});
    }
    ::close(report.write_end);
    report.write_end = plan.report = copy;
  }

  const pid_t pid = ::fork();
  if (pid < 0) {
    return fail({ExitCode::kEnvironment, fmt::format("cannot fork: {}", std::strerror(errno))});
  }
  if (pid == 0) become_child(plan);

  close_child_ends();
  Process process;
  process.pid_ = pid;
  process.pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  process.output_fd_ = output.read_end;
  process.errors_fd_ = errors.read_end;
  for (const int fd : {process.output_fd_, process.errors_fd_}) {
    if (fd >= 0) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  int number = 0;
  ssize_t size = 0;
  do {
    size = ::read(report.read_end, &number, sizeof number);
  } while (size < 0 && errno == EINTR);
  ::close(report.read_end);
  if (size == sizeof number) {
    return environment_error("cannot run '{}': {}", options.argv[0], std::strerror(number));
  }
  return process;
}

Process::Process(Process&& other) noexcept {
  *this = std::move(other);
}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    release();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::exchange(other.pidfd_, -1);
    output_fd_ = std::exchange(other.output_fd_, -1);
    errors_fd_ = std::exchange(other.errors_fd_, -1);
    status_ = std::exchange(other.status_, std::nullopt);
  }
  return *this;
}

Process::~Process() {
  release();
}

void Process::release() noexcept {
  if (pid_ > 0 && !status_) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
  close_if_open(pidfd_);
  close_if_open(output_fd_);
  close_if_open(errors_fd_);
}

std::optional<ExitStatus> Process::poll() {
  if (status_ || pid_ <= 0) return status_;
  int raw = 0;
  if (::waitpid(pid_, &raw, WNOHANG) != pid_) return std::nullopt;
  status_ = WIFSIGNALED(raw) ? ExitStatus{0, WTERMSIG(raw)} : ExitStatus{WEXITSTATUS(raw), 0};
  return status_;
}

std::optional<ExitStatus> Process::wait(Nanoseconds timeout) {
  const SystemClock clock;
  const auto deadline = clock.steady() + timeout;
  while (true) {
    if (auto status = poll()) return status;
    const auto left = deadline - clock.steady();
    if (left <= Nanoseconds{0}) return std::nullopt;
    pollfd entry{pidfd_, POLLIN, 0};
    const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    ::poll(&entry, 1, static_cast<int>(std::min<long>(left_ms, 60'000)));
  }
}

void Process::signal(int number) const {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

Result<ProgramResult> run_program(const std::vector<std::string>& argv, Nanoseconds timeout) {
  auto process = Process::start({.argv = argv, .output = Output::kPipe, .errors = Output::kPipe});
  if (!process) return tl::unexpected(process.error());
  ProgramResult result;
  const SystemClock clock;
  const auto deadline = clock.steady() + timeout;
  bool output_open = true;
  bool errors_open = true;
  while (output_open || errors_open) {
    const auto left = deadline - clock.steady();
    if (left <= Nanoseconds{0}) {
      return environment_error("'{}' did not end within {:.1f} s", argv[0], to_seconds(timeout));
    }
    // poll ignores negative descriptors.
    std::array<pollfd, 2> entries{pollfd{output_open ? process->output_fd() : -1, POLLIN, 0},
                                  pollfd{errors_open ? process->errors_fd() : -1, POLLIN, 0}};
    const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    ::poll(entries.data(), entries.size(), static_cast<int>(std::min<long>(left_ms, 60'000)));
    if (output_open) output_open = drain(process->output_fd(), result.output);
    if (errors_open) errors_open = drain(process->errors_fd(), result.errors);
  }
  const auto status = process->wait(deadline - clock.steady());
  if (!status) {
    return environment_error("'{}' did not end within {:.1f} s", argv[0], to_seconds(timeout));
  }
  result.status = *status;
  return result;
}

}  // namespace iris
