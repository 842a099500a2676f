// Conversions and sums that stop at the ends of their type. Upstream's Go wraps around or leaves
// the result to the processor there; no decision within sane bounds depends on it.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace iris::scale::hpa {

template <class Integer>
constexpr Integer saturate(auto value) {
  constexpr auto kLeast = std::numeric_limits<Integer>::min();
  constexpr auto kMost = std::numeric_limits<Integer>::max();
  if (value >= kMost) return kMost;
  if (value <= kLeast) return kLeast;
  return static_cast<Integer>(value);
}

// Truncates; a value that is no number is 0.
inline std::int32_t to_int32(double value) {
  return std::isnan(value) ? 0 : saturate<std::int32_t>(value);
}

inline std::int32_t ceil_to_int32(double value) {
  return to_int32(std::ceil(value));
}

constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

}  // namespace iris::scale::hpa
