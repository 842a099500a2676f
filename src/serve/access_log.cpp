#include "serve/access_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <memory>
#include <utility>

#include "serve/answers.hpp"
#include "serve/json_text.hpp"

namespace iris::serve {
namespace {

// Lines that wait to be written; more are dropped.
constexpr std::size_t kWaitingBytes = std::size_t{4} << 20;
// Of what a client chose, so much is logged.
constexpr std::size_t kTextBytes = 256;

void append_text(http::Buffer& out, std::string_view name, std::string_view text) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
  if (text.empty()) return http::append(out, "null");
  append_json_string(out, printable(text.substr(0, kTextBytes)));
}

// Whether a write of this many bytes returns at once, whatever reads a pipe's other end.
constexpr std::size_t kChunkBytes = PIPE_BUF;
bool takes_a_chunk(const Fd& file) {
  pollfd ready{.fd = file.get(), .events = POLLOUT, .revents = 0};
  return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
}

// Of a pipe a description of its own, which never waits: with other writers at the one that was
// given, a chunk that had room when poll was asked may have none when it is written.
Fd open_standard_output() {
  struct stat status {};
  if (fstat(STDOUT_FILENO, &status) == 0 && S_ISFIFO(status.st_mode)) {
    Fd own(::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (own) return own;
  }
  return Fd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
}

std::int64_t microseconds(Nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& path, const Clock& clock,
                                                   Log& log) {
  auto file = open_file(path);
  if (!file) return tl::unexpected(file.error());
  return std::unique_ptr<AccessLog>(new AccessLog(path, std::move(*file), clock, log));
}

Result<Fd> AccessLog::open_file(const std::string& path) {
  // Opening a FIFO would wait for a reader without O_NONBLOCK.
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Fd file = path == "-" ? open_standard_output() : Fd(::open(path.c_str(), kFlags, 0640));
  if (file) return file;
  struct stat status {};
  const int number = errno;
  if (number == ENXIO && ::stat(path.c_str(), &status) == 0) {
    return input_error("access log {}: found {}, expected a file, a device or an open pipe", path,
                       S_ISFIFO(status.st_mode) ? "a FIFO that nobody reads" : "a socket");
  }
  return input_error("access log {}: {}", path, std::strerror(number));
}

void AccessLog::reopen() {
  if (path_ == "-") return;
  flush();
  auto file = open_file(path_);
  if (!file) {
    return log_.error("reload: refused, the access log from before is written on: {}",
                      file.error().message);
  }
  struct stat before {};
  struct stat after {};
  const bool known = fstat(file_.get(), &before) == 0 && fstat(file->get(), &after) == 0;
  if (known && before.st_dev == after.st_dev && before.st_ino == after.st_ino) return;
  // A file begins with a whole line.
  if (amid_line_) {
    writing_.erase(0, writing_.find('\n') + 1);
    amid_line_ = false;
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  file_ = std::move(*file);
}

void AccessLog::add(const Entry& entry) {
  http::Buffer line;
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(clock_.wall());
  http::append(line, "{\"time\":\"");
  http::append(line, to_rfc3339(milliseconds));
  http::append(line, "\"");
  append_text(line, "method", entry.method);
  append_text(line, "path", entry.path);
  append_text(line, "route", entry.route);
  fmt::format_to(std::back_inserter(line),
                 ",\"status\":{},\"bytes_in\":{},\"bytes_out\":{},\"queued_us\":{},"
                 "\"handled_us\":{}",
                 entry.status, entry.bytes_in, entry.bytes_out, microseconds(entry.queued),
                 microseconds(entry.handled));
  append_text(line, "request_id", entry.request_id);
  append_text(line, "traceparent", entry.traceparent);
  append_text(line, "refusal", entry.refusal);
  http::append(line, "}\n");
  const std::lock_guard lock(mutex_);
  if (lines_.size() + line.size() > kWaitingBytes) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  lines_.append(line.data(), line.size());
}

void AccessLog::flush() {
  if (writing_.empty()) {
    const std::lock_guard lock(mutex_);
    writing_.swap(lines_);
  }
  std::size_t written = 0;
  while (written < writing_.size() && takes_a_chunk(file_)) {
    const auto count = write(file_.get(), writing_.data() + written,
                             std::min(kChunkBytes, writing_.size() - written));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) note_failure(errno);
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  if (written > 0) amid_line_ = writing_[written - 1] != '\n';
  if (written > 0 && written == writing_.size()) note_success();
  // Keeps its room: the next swap gives it to the threads that serve.
  writing_.erase(0, written);
}

void AccessLog::note_failure(int number) {
  ++failures_;
  if (std::exchange(failing_, true)) return;
  dropped_before_ = dropped();
  log_.error("access log {}: {}; {} MiB of lines wait, more are dropped", path_,
             std::strerror(number), 2 * kWaitingBytes >> 20);
}

// An outage is over when no line waits any more: a full disk takes a few bytes now and then.
void AccessLog::note_success() {
  if (!std::exchange(failing_, false)) return;
  log_.info("access log {}: written again; {} lines were dropped", path_,
            dropped() - dropped_before_);
}

}  // namespace iris::serve
