// A line of JSON for each request, or for a sample of them:
//
//   {"time":"2026-01-31T12:00:00.123Z","method":"POST","path":"/predict","route":"predict",
//    "status":200,"bytes_in":69,"bytes_out":190,"queued_us":12,"handled_us":5,
//    "request_id":"17","traceparent":"00-…-01","refusal":null}
//
// Threads that serve only put lines into memory; one that does not writes them with flush(). What
// the file does not take in time is dropped and counted: a full disk slows no answer. An outage is
// logged when it begins and when it is over.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace iris::serve {

class AccessLog {
 public:
  struct Entry {
    std::string_view method{};  // empty here and below: not known
    std::string_view path{};
    std::string_view route{};
    int status = 0;
    std::size_t bytes_in = 0;   // of the body
    std::size_t bytes_out = 0;  // of the answer, head and body
    Nanoseconds queued{0};      // from the loop hearing of it to its turn
    Nanoseconds handled{0};     // from its turn to the answer's text
    std::string_view request_id{};
    std::string_view traceparent{};
    std::string_view refusal{};
  };

  // Appends to the file at `path`; "-" is standard output. Fails when it cannot be opened, or only
  // by waiting: a FIFO without a reader.
  static Result<std::unique_ptr<AccessLog>> open(const std::string& path, const Clock& clock,
                                                 Log& log);

  // Any thread. Costs an allocation only while the memory of lines still grows.
  void add(const Entry& entry);
  // One thread, every so often.
  void flush();
  // The same thread. The file at the path may be another one since it was rotated.
  void reopen();

  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  // Writes that failed. Of the thread that calls flush().
  std::uint64_t failures() const { return failures_; }

 private:
  AccessLog(std::string path, Fd file, const Clock& clock, Log& log)
      : path_(std::move(path)), clock_(clock), log_(log), file_(std::move(file)) {}

  static Result<Fd> open_file(const std::string& path);
  void note_failure(int number);
  void note_success();

  const std::string path_;
  const Clock& clock_;
  Log& log_;
  Fd file_;
  std::mutex mutex_;
  std::string lines_;    // guarded
  std::string writing_;  // of flush() alone, as all that follows but the last
  bool amid_line_ = false;
  bool failing_ = false;
  std::uint64_t failures_ = 0;
  std::uint64_t dropped_before_ = 0;  // the outage
  std::atomic<std::uint64_t> dropped_{0};
};

// One thread's choice of requests: of each 1/share requests one, evenly.
class Sampler {
 public:
  explicit Sampler(double share) : share_(share) {}
  bool take() {
    sum_ += share_;
    if (sum_ < 1) return false;
    sum_ -= 1;
    return true;
  }

 private:
  const double share_;
  double sum_ = 0;
};

}  // namespace iris::serve
