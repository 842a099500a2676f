#include "report/text.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/visible.hpp"

namespace iris::report {
namespace {

template <class Format>
std::string or_missing(Figure value, const Format& format) {
  return value ? format(*value) : std::string(kMissing);
}

}  // namespace

std::string grouped(double value, int decimals) {
  std::string digits = fmt::format("{:.{}f}", std::abs(value), decimals);
  std::size_t end = digits.find('.');
  if (end == std::string::npos) end = digits.size();
  for (; end > 3; end -= 3) digits.insert(end - 3, 1, ',');
  const bool rounds_to_zero = digits.find_first_not_of("0.,") == std::string::npos;
  return value < 0 && !rounds_to_zero ? "-" + digits : digits;
}

std::string count(Figure value) {
  return or_missing(value, [](double v) { return grouped(v); });
}

std::string milliseconds(Figure value_us) {
  return or_missing(value_us, [](double us) {
    const double ms = us / 1000;
    const int decimals = ms < 10 ? 2 : ms < 100 ? 1 : 0;
    return grouped(ms, decimals) + " ms";
  });
}

std::string percent(Figure fraction) {
  return or_missing(fraction, [](double f) -> std::string {
    // Neither "none" nor "all" is said of what only rounds to it.
    if (f > 0 && f < 0.005) return "<1 %";
    if (f >= 0.995 && f < 1) return ">99 %";
    return grouped(f * 100) + " %";
  });
}

std::string times(Figure ratio, int decimals) {
  return or_missing(ratio, [&](double r) { return grouped(r, decimals) + "×"; });
}

std::string seconds(Figure value_s) {
  return or_missing(value_s, [](double s) { return grouped(s, 1) + " s"; });
}

std::string bytes(Figure value_bytes) {
  return or_missing(value_bytes, [](double b) {
    constexpr double kMebi = 1024.0 * 1024.0;
    return b < 1024 * kMebi ? grouped(b / kMebi) + " MiB" : grouped(b / kMebi / 1024, 1) + " GiB";
  });
}

std::string counted(double value, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}", grouped(value), value == 1 ? singular : plural);
}

std::string html_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : visible(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace iris::report
