// Lines on their way to a descriptor, written by a thread of their own: whoever adds one never
// waits for whoever reads the other end: a full pipe, a stopped terminal or a stuck disk.
//
//   auto writer = LineWriter::start(STDERR_FILENO, limits::kLogBytes, [](auto count) { … });
//   (*writer)->add("ready\n");
//   (*writer)->flush(1s);   // at the end
//
// The lines that wait take a bounded room. A line that finds none takes that of the oldest ones,
// which are dropped and counted, since the last lines tell most; one line tells of them in their
// place once something is read again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace iris {

class LineWriter {
 public:
  // The line that tells of so many dropped ones. Called by the writing thread.
  using TellDropped = std::function<std::string(std::uint64_t count)>;

  // Writes to a copy of the descriptor. Fails when the process may not have another thread. The
  // thread gets no signals.
  static Result<std::unique_ptr<LineWriter>> start(int descriptor, std::size_t room_bytes,
                                                   TellDropped tell_dropped);
  // Lines that are not written by now are lost; see flush().
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // Any thread. `line` ends with its newline.
  void add(std::string line);

  // Waits until all lines so far are written, for so long at most; false when they are not.
  bool flush(Nanoseconds patience);

  std::uint64_t dropped() const;

 private:
  struct State;
  explicit LineWriter(std::shared_ptr<State> state);
  static void run(State& state);

  // The thread's, too: it may hang in a write when this ends, and nobody waits for it.
  const std::shared_ptr<State> state_;
};

}  // namespace iris
