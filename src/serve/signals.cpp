#include "serve/signals.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/result.hpp"

namespace iris::serve {
namespace {

constexpr std::array kSignals = {SIGTERM, SIGINT, SIGHUP, SIGALRM};
constexpr Nanoseconds kTimeAfterSecond = std::chrono::milliseconds(500);

// What the handlers work with. They are the process's, so this is, too; the pipe is never closed,
// since a handler may be writing to it.
struct Shared {
  std::atomic<int> reader{-1};
  std::atomic<int> writer{-1};
  std::atomic<int> ends{0};  // SIGTERM and SIGINT so far
  std::atomic<std::int64_t> time_to_end_ns{0};
  timer_t timer{};
};
Shared shared;

void require(bool done, const char* what) {
  if (!done) throw std::system_error(errno, std::generic_category(), what);
}

void set_timer(std::int64_t ns) {
  itimerspec when{};
  when.it_value.tv_sec = ns / 1'000'000'000;
  when.it_value.tv_nsec = ns % 1'000'000'000;
  timer_settime(shared.timer, 0, &when, nullptr);
}

// From a handler: without destructors, locks or memory, and without waiting for a reader of
// standard error.
[[noreturn]] void leave() {
  constexpr std::string_view kWhy = "iris: ended by force; what was under way is lost\n";
  pollfd ready{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0) {
    [[maybe_unused]] const auto ignored = write(STDERR_FILENO, kWhy.data(), kWhy.size());
  }
  _exit(static_cast<int>(ExitCode::kInterrupted));
}

void on_signal(int signal) {
  const int number = errno;
  if (signal == SIGALRM) leave();
  if (signal != SIGHUP) {
    const int count = shared.ends.fetch_add(1) + 1;
    if (count > 2) leave();
    set_timer(count == 1 ? shared.time_to_end_ns.load() : kTimeAfterSecond.count());
  }
  const char byte = static_cast<char>(signal);
  [[maybe_unused]] const auto ignored = write(shared.writer, &byte, 1);
  errno = number;
}

void open_pipe() {
  if (shared.reader < 0) {
    std::array<int, 2> ends{};
    require(pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0, "pipe");
    shared.reader = ends[0];
    shared.writer = ends[1];
  }
  char rest[64];
  while (read(shared.reader, rest, sizeof rest) > 0) continue;
}

}  // namespace

Signals::Signals(http::EventLoop& loop, Nanoseconds time_to_end, std::function<void(int)> arrived)
    : loop_(loop), arrived_(std::move(arrived)) {
  open_pipe();
  shared.ends = 0;
  shared.time_to_end_ns = time_to_end.count();
  sigevent expiry{};
  expiry.sigev_notify = SIGEV_SIGNAL;
  expiry.sigev_signo = SIGALRM;
  require(timer_create(CLOCK_MONOTONIC, &expiry, &shared.timer) == 0, "timer_create");
  require(loop_.watch(shared.reader, http::EventLoop::Interest::kRead, *this), "epoll_ctl");
  struct sigaction action {};
  action.sa_handler = &on_signal;
  action.sa_flags = SA_RESTART;
  sigset_t signals;
  sigemptyset(&signals);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &action, &before_[i]);
    sigaddset(&signals, kSignals[i]);
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, &mask_before_);
}

Signals::~Signals() {
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  timer_delete(shared.timer);
  loop_.forget(shared.reader, *this);
}

void Signals::on_ready(const http::EventLoop::Readiness&) {
  char signal = 0;
  while (read(shared.reader, &signal, 1) == 1) arrived_(int{signal});
}

}  // namespace iris::serve
