// What the engine says of the rows of one request. Kept between requests for its room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "http/response.hpp"
#include "serve/served_model.hpp"

namespace iris::serve {

// What a request of more rows than this needed is given back to the allocator.
inline constexpr std::size_t kKeptRows = 16'384;

class Predictions {
 public:
  // `values` is row-major [rows × features]. Without probabilities no exponential is computed.
  void make(const ServedModel& model, std::span<const float> values, bool with_probabilities);

  std::span<const std::uint32_t> labels() const { return labels_; }  // [rows]
  // Row-major [rows × classes], or empty.
  std::span<const float> probabilities() const { return probabilities_; }

 private:
  std::vector<std::uint32_t> labels_;
  std::vector<float> probabilities_;
};

// "setosa","virginica" … for each row.
void append_labels(http::Buffer& out, const ServedModel& model, const Predictions& predictions);

}  // namespace iris::serve
