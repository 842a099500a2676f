// SIGINT and SIGTERM as something that can be asked for and waited for, for work that must tidy up
// before it ends. While it lives the signals have no other effect.
//
//   auto interrupt = Interrupt::open();            // before any thread is started
//   while (!interrupt->wait(seconds(1))) …;        // a sleep that ends at once when one comes
#pragma once

#include <csignal>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace iris {

class Interrupt {
 public:
  static Result<Interrupt> open();

  Interrupt(Interrupt&& other) noexcept = default;
  Interrupt& operator=(Interrupt&&) = delete;
  // Signals that came meanwhile are forgotten: whoever asked has tidied up by now.
  ~Interrupt();

  bool requested() const { return wait(Nanoseconds{0}); }
  // Sleeps; true at once when a signal has come or comes.
  bool wait(Nanoseconds duration) const;
  // Readable from the first signal on.
  int fd() const { return fd_.get(); }

 private:
  Interrupt(Fd fd, const sigset_t& before) : fd_(std::move(fd)), before_(before) {}

  Fd fd_;
  sigset_t before_;
};

// What a step that a signal ended fails with.
inline tl::unexpected<Error> interrupted_error() {
  return tl::unexpected(Error{ExitCode::kInterrupted, "interrupted"});
}

}  // namespace iris
