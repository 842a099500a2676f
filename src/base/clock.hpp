// Time, passed in so that tests and simulations can own it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace iris {

using Nanoseconds = std::chrono::nanoseconds;
// A point on the wall clock; durations are never measured with it.
using WallTime = std::chrono::sys_time<Nanoseconds>;
// A point on the monotonic clock.
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Nanoseconds>;

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime wall() const override;
  SteadyTime steady() const override;
};

// A clock that moves only when told.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = {}) : wall_(start) {}
  WallTime wall() const override { return wall_; }
  SteadyTime steady() const override { return steady_; }
  void advance(Nanoseconds by) { wall_ += by, steady_ += by; }

 private:
  WallTime wall_;
  SteadyTime steady_{};
};

// RFC 3339 in UTC with as many fraction digits as are needed (0, 3, 6 or 9): 2025-01-31T12:00:00Z.
std::string to_rfc3339(WallTime time);
// Reads RFC 3339 with any offset and up to nine fraction digits.
Result<WallTime> parse_rfc3339(std::string_view text);

// Reads "250ms", "30s", "5m", "1h30m", "1.5s" (Go's duration syntax without signs).
Result<Nanoseconds> parse_duration(std::string_view text);

// Seconds as a double, for records and arithmetic.
constexpr double to_seconds(Nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace iris
