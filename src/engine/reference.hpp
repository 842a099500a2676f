// The oracle: what a model means, written as its definition, slow and in double precision. The
// engine must agree with it; nothing serves from it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.hpp"

namespace iris::engine::reference {

struct Answer {
  std::uint32_t label = 0;            // index of the class
  std::vector<double> scores;         // [classes]
  std::vector<double> probabilities;  // [classes]
};

// `row` holds model.features() numbers; the model is valid.
Answer predict(const model::Model& model, std::span<const float> row);

}  // namespace iris::engine::reference
