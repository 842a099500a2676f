#include "base/line_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/fd.hpp"
#include "base/file.hpp"

namespace iris {

struct LineWriter::State {
  Fd file;
  std::size_t room_bytes = 0;
  TellDropped tell_dropped;

  std::mutex mutex;
  std::condition_variable added;
  std::condition_variable written;
  // Guarded.
  std::deque<std::string> lines;
  std::size_t bytes = 0;      // of the lines
  std::uint64_t dropped = 0;  // in all
  std::uint64_t untold = 0;   // of them, those that no line has told of
  bool writing = false;       // a line is out of the queue and not yet written
  bool ends = false;

  bool done() const { return lines.empty() && !writing; }
};

Result<std::unique_ptr<LineWriter>> LineWriter::start(int descriptor, std::size_t room_bytes,
                                                      TellDropped tell_dropped) {
  auto state = std::make_shared<State>();
  state->file = Fd(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!state->file) {
    return environment_error("cannot duplicate a descriptor: {}", std::strerror(errno));
  }
  state->room_bytes = room_bytes;
  state->tell_dropped = std::move(tell_dropped);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::error_code failure;
  try {
    std::thread([state] { run(*state); }).detach();
  } catch (const std::system_error& error) {
    failure = error.code();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure) {
    return environment_error(
        "cannot start a thread: {}; raise the limit on processes (ulimit -u, pids.max)",
        failure.message());
  }
  return std::unique_ptr<LineWriter>(new LineWriter(std::move(state)));
}

LineWriter::LineWriter(std::shared_ptr<State> state) : state_(std::move(state)) {}

LineWriter::~LineWriter() {
  const std::lock_guard lock(state_->mutex);
  state_->ends = true;
  state_->added.notify_one();
}

void LineWriter::add(std::string line) {
  auto& state = *state_;
  const std::lock_guard lock(state.mutex);
  state.bytes += line.size();
  state.lines.push_back(std::move(line));
  while (state.bytes > state.room_bytes) {
    state.bytes -= state.lines.front().size();
    state.lines.pop_front();
    ++state.dropped;
    ++state.untold;
  }
  state.added.notify_one();
}

bool LineWriter::flush(Nanoseconds patience) {
  std::unique_lock lock(state_->mutex);
  return state_->written.wait_for(lock, patience, [this] { return state_->done(); });
}

std::uint64_t LineWriter::dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

void LineWriter::run(State& state) {
  std::unique_lock lock(state.mutex);
  while (true) {
    state.added.wait(lock, [&state] { return state.ends || !state.lines.empty(); });
    if (state.ends) return;
    std::string text;
    if (const auto count = std::exchange(state.untold, 0); count > 0) {
      text = state.tell_dropped(count);
    }
    text += state.lines.front();
    state.bytes -= state.lines.front().size();
    state.lines.pop_front();
    state.writing = true;
    lock.unlock();
    write_all(state.file.get(), text);
    lock.lock();
    state.writing = false;
    if (state.done()) state.written.notify_all();
  }
}

}  // namespace iris
