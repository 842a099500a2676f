#include "base/interrupt.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace iris {

Result<Interrupt> Interrupt::open() {
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGINT);
  sigaddset(&both, SIGTERM);
  Fd fd(::signalfd(-1, &both, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return environment_error("cannot wait for signals: {}", std::strerror(errno));
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &both, &before);
  return Interrupt(std::move(fd), before);
}

Interrupt::~Interrupt() {
  if (!fd_) return;  // moved from
  // What is still pending would end the program once it is let through.
  signalfd_siginfo taken{};
  while (::read(fd_.get(), &taken, sizeof taken) == sizeof taken) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interrupt::wait(Nanoseconds duration) const {
  const SystemClock clock;
  const auto deadline = clock.steady() + duration;
  while (true) {
    const auto left = std::max(deadline - clock.steady(), Nanoseconds{0});
    const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    // The signal is not read, so that the descriptor stays readable.
    pollfd entry{fd_.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(std::min<long>(left_ms, 60'000))) > 0) return true;
    if (clock.steady() >= deadline) return false;
  }
}

}  // namespace iris
