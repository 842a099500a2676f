#include "dataset/number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <string>
#include <system_error>

#include "dataset/table.hpp"

namespace iris::dataset {
namespace {

constexpr std::string_view kBlank = " \t";

constexpr std::string_view kMissing[] = {
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A",      "NA",  "NULL",    "NaN",      "None", "n/a",  "nan",    "null"};

// `text` is not blank.
std::string_view trimmed(std::string_view text) {
  text.remove_prefix(text.find_first_not_of(kBlank));
  text.remove_suffix(text.size() - 1 - text.find_last_not_of(kBlank));
  return text;
}

// Of a decimal number that from_chars calls out of range, without saying at which end.
double out_of_range(std::string_view digits) {
  return std::strtod(std::string(digits).c_str(), nullptr);
}

// The number, infinite when it is too large.
std::optional<double> parse_any(std::string_view text) {
  if (is_blank(text)) return std::nullopt;
  text = trimmed(text);
  // from_chars takes a minus only.
  if (text.front() == '+') {
    text.remove_prefix(1);
    if (text.empty() || text.front() == '-') return std::nullopt;
  }
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (stop != end) return std::nullopt;
  if (code == std::errc::result_out_of_range) return out_of_range(text);
  if (code != std::errc{} || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  const auto value = parse_any(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kBlank) == std::string_view::npos;
}

bool is_missing(std::string_view text) {
  return is_blank(text) ||
         std::find(std::begin(kMissing), std::end(kMissing), trimmed(text)) != std::end(kMissing);
}

std::string describe_no_number(std::string_view text) {
  if (is_blank(text)) return "an empty cell (a missing value)";
  std::string shown = in_quotes(text);
  if (is_missing(text)) return shown + " (a missing value)";
  if (parse_any(text)) return shown + " (more than a double holds)";
  const auto comma = text.find(',');
  if (comma != std::string_view::npos) {
    std::string point(text);
    point[comma] = '.';
    if (parse_number(point)) return shown + " (a decimal comma; numbers are read with a point)";
  }
  return shown;
}

}  // namespace iris::dataset
