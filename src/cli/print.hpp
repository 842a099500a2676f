// Results on standard output. What comes from files is made visible: a column's name must not steer
// the terminal that it is shown on (base/visible.hpp).
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>

#include "base/visible.hpp"

namespace iris::cli {

// A text made visible, anything else as it is.
template <class T>
decltype(auto) shown(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return visible(value);
  } else {
    return (value);
  }
}

// fmt::print with every text among the arguments made visible, on one line.
template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print("{}", fmt::vformat(format, fmt::make_format_args(shown(args)...)));
}

// For a terminal as well as for a program: the escapes that are added are JSON's own.
inline void print_json(const nlohmann::ordered_json& json) {
  // Texts may hold any bytes; what is not UTF-8 shows as U+FFFD.
  const auto text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  fmt::print("{}\n", visible_lines(text));
}

}  // namespace iris::cli
