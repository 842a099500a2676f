#include "serve/v2_tensor.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace iris::serve {
namespace {

static_assert(std::endian::native == std::endian::little);

// IEEE 754 binary16, which C++20 has no type for.
struct Half {
  std::uint16_t bits;

  explicit operator float() const {
    const int exponent = bits >> 10 & 0x1f;
    const int fraction = bits & 0x3ff;
    const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
    if (exponent == 0x1f) return sign * std::numeric_limits<float>::infinity();  // or NaN: refused
    const int significand = exponent == 0 ? fraction : fraction | 0x400;
    return sign * std::ldexp(static_cast<float>(significand), std::max(exponent, 1) - 25);
  }
};

template <class Element>
void convert(const char* bytes, std::size_t count, float* out, std::size_t stride) {
  for (std::size_t i = 0; i < count; ++i) {
    Element element;
    std::memcpy(&element, bytes + i * sizeof element, sizeof element);
    out[i * stride] = static_cast<float>(element);
  }
}

// The highest value of a 64-bit integer is none of a double; the nearest is one more.
template <class Integer>
constexpr Datatype integer(std::string_view name) {
  return {name,
          sizeof(Integer),
          true,
          static_cast<double>(std::numeric_limits<Integer>::min()),
          static_cast<double>(std::numeric_limits<Integer>::max()),
          convert<Integer>};
}

constexpr std::array kDatatypes = {
    Datatype{"FP32", sizeof(float), false, 0, 0, convert<float>},
    Datatype{"FP64", sizeof(double), false, 0, 0, convert<double>},
    Datatype{"FP16", sizeof(Half), false, 0, 0, convert<Half>},
    integer<std::int64_t>("INT64"),
    integer<std::int32_t>("INT32"),
    integer<std::int16_t>("INT16"),
    integer<std::int8_t>("INT8"),
    integer<std::uint64_t>("UINT64"),
    integer<std::uint32_t>("UINT32"),
    integer<std::uint16_t>("UINT16"),
    integer<std::uint8_t>("UINT8"),
};

}  // namespace

const Datatype* find_datatype(std::string_view name) {
  const auto* const found = std::find_if(kDatatypes.begin(), kDatatypes.end(),
                                         [&](const auto& type) { return type.name == name; });
  return found == kDatatypes.end() ? nullptr : found;
}

std::size_t read_elements(const Datatype& datatype, const char* bytes, std::size_t count,
                          float* out, std::size_t stride) {
  datatype.convert(bytes, count, out, stride);
  std::size_t good = 0;
  while (good < count && std::isfinite(out[good * stride])) ++good;
  return good;
}

}  // namespace iris::serve
