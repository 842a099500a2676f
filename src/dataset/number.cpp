#include "dataset/number.hpp"

#include <charconv>
#include <cmath>
#include <system_error>

namespace iris::dataset {
namespace {

constexpr std::string_view kBlank = " \t";

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  if (is_missing(text)) return std::nullopt;
  text.remove_prefix(text.find_first_not_of(kBlank));
  text.remove_suffix(text.size() - 1 - text.find_last_not_of(kBlank));
  // from_chars takes a minus only.
  if (text.front() == '+') {
    text.remove_prefix(1);
    if (text.empty() || text.front() == '-') return std::nullopt;
  }
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool is_missing(std::string_view text) {
  return text.find_first_not_of(kBlank) == std::string_view::npos;
}

}  // namespace iris::dataset
