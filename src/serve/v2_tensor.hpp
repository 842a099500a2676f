// The datatypes of tensors that may hold features (Open Inference Protocol V2, "Tensor Data
// Types"), and their elements as the binary extension sends them: little-endian, one after another.
#pragma once

#include <cstddef>
#include <string_view>

namespace iris::serve {

struct Datatype {
  // Converts `count` elements to float32s that lie `stride` apart.
  using Convert = void (*)(const char* bytes, std::size_t count, float* out, std::size_t stride);

  std::string_view name;
  std::size_t bytes = 0;  // of one element
  bool integer = false;
  double lowest = 0;  // of an integer type
  double highest = 0;
  Convert convert = nullptr;
};

// FP16, FP32, FP64, INT8 … INT64 or UINT8 … UINT64; null for any other name.
const Datatype* find_datatype(std::string_view name);
inline constexpr std::string_view kDatatypeNames =
    "FP16, FP32, FP64, INT8 … INT64 or UINT8 … UINT64";

// Converts the elements, and returns how many there are before the first that is not finite as a
// float32: `count` when all are good.
std::size_t read_elements(const Datatype& datatype, const char* bytes, std::size_t count,
                          float* out, std::size_t stride);

}  // namespace iris::serve
