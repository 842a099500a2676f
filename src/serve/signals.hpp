// SIGTERM, SIGINT and SIGHUP as events of a loop, for as long as this lives. One at a time.
//
// A loop that hangs (its thread waits for a file on a mount that is gone) hears of no event. So the
// handlers, which run in whatever thread the kernel chooses, see to the end themselves where the
// loop does not: after the first SIGTERM or SIGINT the process has so much time to end, after the
// second half a second; the third ends it there and then. The exit status is then 130.
#pragma once

#include <array>
#include <csignal>
#include <functional>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "http/event_loop.hpp"

namespace iris::serve {

class Signals final : http::EventLoop::Watcher {
 public:
  // `time_to_end` is what the process may take after the first signal. Throws std::system_error
  // when the process is out of descriptors or timers.
  Signals(http::EventLoop& loop, Nanoseconds time_to_end, std::function<void(int signal)> arrived);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void on_ready(const http::EventLoop::Readiness& readiness) override;

  http::EventLoop& loop_;
  const std::function<void(int signal)> arrived_;
  std::array<struct sigaction, 4> before_{};
  sigset_t mask_before_{};
};

}  // namespace iris::serve
