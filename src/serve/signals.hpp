// SIGTERM, SIGINT and SIGHUP as events of a loop, for as long as it lives. Blocks them in the
// thread that makes it and in those that this one starts.
#pragma once

#include <csignal>
#include <functional>

#include "base/fd.hpp"
#include "http/event_loop.hpp"

namespace iris::serve {

class Signals final : http::EventLoop::Watcher {
 public:
  // Throws std::system_error when the process is out of descriptors.
  Signals(http::EventLoop& loop, std::function<void(int signal)> arrived);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void on_ready(const http::EventLoop::Readiness& readiness) override;

  http::EventLoop& loop_;
  const std::function<void(int signal)> arrived_;
  sigset_t before_{};
  Fd descriptor_;
};

}  // namespace iris::serve
