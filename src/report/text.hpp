// Figures as people read them, and text that cannot break out of the document it is put in.
#pragma once

#include <string>
#include <string_view>

#include "report/records.hpp"

namespace iris::report {

// What stands where a figure was not measured.
inline constexpr const char* kMissing = "–";
// What stands where it was measured and cannot be true.
inline constexpr const char* kNotSupported = "not supported";

// 60912.4 → "60,912"; with two decimals "60,912.40".
std::string grouped(double value, int decimals = 0);

std::string count(Figure value);                    // "60,912"
std::string milliseconds(Figure value_us);          // "0.90 ms", "84.1 ms", "1,204 ms"
std::string percent(Figure fraction);               // 0.99 → "99 %"; ">99 %" when all but a few
std::string times(Figure ratio, int decimals = 2);  // "1.02×"
std::string seconds(Figure value_s);                // "4.1 s"
std::string bytes(Figure value_bytes);              // "512 MiB"

// "1 replica", "3 replicas", "1,000 connections".
std::string counted(double value, std::string_view singular, std::string_view plural);

// Text for an element or a quoted attribute; control characters are made visible.
std::string html_escaped(std::string_view text);

}  // namespace iris::report
