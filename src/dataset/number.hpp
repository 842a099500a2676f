// One rule for what text is a number.
#pragma once

#include <optional>
#include <string_view>

namespace iris::dataset {

// A decimal number with an optional sign, fraction and exponent; spaces and tabs around it are
// allowed, as pandas allows them. Nothing for anything else: "nan", "inf", hexadecimal, text behind
// the number, or a value that a double cannot hold (1e999).
std::optional<double> parse_number(std::string_view text);

// Nothing but spaces and tabs, or empty: a missing value.
bool is_missing(std::string_view text);

}  // namespace iris::dataset
