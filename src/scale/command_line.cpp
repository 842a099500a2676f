#include "scale/command_line.hpp"

#include <charconv>

namespace iris::scale {
namespace {

// What `iris serve` does unless it is told otherwise.
constexpr Nanoseconds kConnectionAge = std::chrono::seconds(300);
constexpr double kConnectionAgeJitter = 0.2;  // of iris serve

}  // namespace

Flag::Flag(std::vector<std::string>& argv, std::string name) : argv_(argv), name_(std::move(name)) {
  for (std::size_t i = 0; i < argv.size(); ++i) {
    if (argv[i].starts_with(name_ + "=")) {
      index_ = i;
      attached_ = true;
    } else if (argv[i] == name_ && i + 1 < argv.size()) {
      index_ = i + 1;
      attached_ = false;
    }
  }
}

std::string Flag::value() const {
  return attached_ ? argv_[index_].substr(name_.size() + 1) : argv_[index_];
}

void Flag::set(const std::string& value) {
  if (!found()) {
    argv_.push_back(name_ + "=" + value);
  } else {
    argv_[index_] = attached_ ? name_ + "=" + value : value;
  }
}

Result<Nanoseconds> connection_age(std::vector<std::string> argv) {
  const Flag flag(argv, "--max-connection-age");
  if (!flag.found()) return kConnectionAge;
  auto age = parse_duration(flag.value());
  if (!age) return input_error("--max-connection-age: {}", age.error().message);
  return *age;
}

Nanoseconds oldest_connection(std::vector<std::string> argv, Nanoseconds age) {
  double jitter = kConnectionAgeJitter;
  if (const Flag flag(argv, "--max-connection-age-jitter"); flag.found()) {
    const auto text = flag.value();
    std::from_chars(text.data(), text.data() + text.size(), jitter);
  }
  return std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double, std::nano>(age) *
                                                 (1 + jitter));
}

}  // namespace iris::scale
