// One rule for what text is a number.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace iris::dataset {

// A decimal number with an optional sign, fraction and exponent; spaces and tabs around it are
// allowed, as pandas allows them. One that is too small for a double is 0 (1e-400). Nothing for
// anything else: "nan", "inf", hexadecimal, text behind the number, or one that is too large
// (1e400).
std::optional<double> parse_number(std::string_view text);

// Nothing but spaces and tabs, or empty.
bool is_blank(std::string_view text);

// A missing value: blank, or one of the words that pandas.read_csv takes for one by default (its
// na_values, pandas/_libs/parsers.pyx): NA, NaN, null, None and their kin.
bool is_missing(std::string_view text);

// A cell that is no number, for a message: what it is, in quotes, with what may be meant.
std::string describe_no_number(std::string_view text);

}  // namespace iris::dataset
