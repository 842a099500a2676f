// The command line of `iris serve` as a manifest has it: one flag read or changed, and what follows
// from it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace iris::scale {

// A flag in either of its two forms, "--name=value" and "--name value"; the last one counts.
class Flag {
 public:
  // `argv` must outlive it.
  Flag(std::vector<std::string>& argv, std::string name);
  bool found() const { return index_ != kNone; }
  std::string value() const;
  void set(const std::string& value);

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::vector<std::string>& argv_;
  std::string name_;
  std::size_t index_ = kNone;
  bool attached_ = false;
};

// --max-connection-age, or what `iris serve` does without it.
Result<Nanoseconds> connection_age(std::vector<std::string> argv);
// The oldest that a connection gets when they live `age` on average: with the jitter of
// --max-connection-age-jitter.
Nanoseconds oldest_connection(std::vector<std::string> argv, Nanoseconds age);

}  // namespace iris::scale
