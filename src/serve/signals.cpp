#include "serve/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace iris::serve {

Signals::Signals(http::EventLoop& loop, std::function<void(int)> arrived)
    : loop_(loop), arrived_(std::move(arrived)) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
  descriptor_ = Fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!descriptor_ || !loop_.watch(descriptor_.get(), http::EventLoop::Interest::kRead, *this)) {
    throw std::system_error(errno, std::generic_category(), "signalfd");
  }
}

Signals::~Signals() {
  loop_.forget(descriptor_.get(), *this);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Signals::on_ready(const http::EventLoop::Readiness&) {
  signalfd_siginfo signal;
  while (read(descriptor_.get(), &signal, sizeof signal) == sizeof signal) {
    arrived_(static_cast<int>(signal.ssi_signo));
  }
}

}  // namespace iris::serve
