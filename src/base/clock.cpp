#include "base/clock.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace iris {
namespace {

using std::chrono::floor;

// Reads exactly `width` digits at `text`'s front; -1 if there are not.
int take_digits(std::string_view& text, std::size_t width) {
  if (text.size() < width) return -1;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// The fraction after '.', in nanoseconds; -1 if there is no digit or more than nine.
std::int64_t take_fraction(std::string_view& text) {
  std::int64_t value = 0;
  int digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (++digits > 9) return -1;
    value = value * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  if (digits == 0) return -1;
  for (; digits < 9; ++digits) value *= 10;
  return value;
}

}  // namespace

WallTime SystemClock::wall() const {
  return std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady() const {
  return std::chrono::time_point_cast<Nanoseconds>(std::chrono::steady_clock::now());
}

std::string to_rfc3339(WallTime time) {
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int{date.year()}, unsigned{date.month()},
                  unsigned{date.day()}, clock.hours().count(), clock.minutes().count(),
                  clock.seconds().count());
  if (const auto fraction = clock.subseconds().count(); fraction != 0) {
    if (fraction % 1'000'000 == 0) {
      text += fmt::format(".{:03}", fraction / 1'000'000);
    } else if (fraction % 1'000 == 0) {
      text += fmt::format(".{:06}", fraction / 1'000);
    } else {
      text += fmt::format(".{:09}", fraction);
    }
  }
  return text + "Z";
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  const auto bad = [whole = std::string(text)] {
    return input_error("'{}': expected an RFC 3339 time such as 2025-01-31T12:00:00Z", whole);
  };
  const int year = take_digits(text, 4);
  if (year < 0 || !take(text, '-')) return bad();
  const int month = take_digits(text, 2);
  if (month < 0 || !take(text, '-')) return bad();
  const int day = take_digits(text, 2);
  if (day < 0 || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return bad();
  const int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ':')) return bad();
  const int minute = take_digits(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ':')) return bad();
  const int second = take_digits(text, 2);
  if (second < 0 || second > 60) return bad();
  std::int64_t fraction = 0;
  if (take(text, '.') && (fraction = take_fraction(text)) < 0) return bad();
  int offset_minutes = 0;
  if (!take(text, 'Z') && !take(text, 'z')) {
    const bool west = take(text, '-');
    if (!west && !take(text, '+')) return bad();
    const int hours = take_digits(text, 2);
    if (hours < 0 || hours > 23 || !take(text, ':')) return bad();
    const int minutes = take_digits(text, 2);
    if (minutes < 0 || minutes > 59) return bad();
    offset_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
  }
  if (!text.empty()) return bad();
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  // Nanoseconds in 64 bits end in the year 2262.
  if (!date.ok() || year < 1700 || year > 2200) return bad();
  return WallTime{std::chrono::sys_days{date}} + std::chrono::hours{hour} +
         std::chrono::minutes{minute - offset_minutes} + std::chrono::seconds{second} +
         Nanoseconds{fraction};
}

Result<Nanoseconds> parse_duration(std::string_view text) {
  const auto bad = [whole = std::string(text)] {
    return input_error("'{}': expected a duration such as 250ms, 30s, 5m or 1h30m", whole);
  };
  if (text.empty()) return bad();
  double total_ns = 0;
  while (!text.empty()) {
    double value = 0;
    const auto [end, code] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (code != std::errc{} || std::signbit(value)) return bad();
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    double unit_ns = 0;
    std::size_t width = 2;
    if (text.starts_with("ns")) {
      unit_ns = 1;
    } else if (text.starts_with("us")) {
      unit_ns = 1e3;
    } else if (text.starts_with("ms")) {
      unit_ns = 1e6;
    } else {
      width = 1;
      if (text.starts_with('s')) unit_ns = 1e9;
      if (text.starts_with('m')) unit_ns = 60e9;
      if (text.starts_with('h')) unit_ns = 3600e9;
      if (unit_ns == 0) return bad();
    }
    text.remove_prefix(width);
    total_ns += value * unit_ns;
  }
  if (!(total_ns < 9e18)) return bad();
  return Nanoseconds{static_cast<std::int64_t>(std::llround(total_ns))};
}

}  // namespace iris
