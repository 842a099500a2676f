// A model small enough to know its answers: the class is the feature with the largest value.
#pragma once

#include <memory>

#include "serve/served_model.hpp"

namespace iris::serve {

inline model::Model example_model() {
  model::Model model;
  model.signature = {{"width", "height"}, {"wide", "high \"up\""}};
  model.classifier = {{1, 0, 0, 1}, {0, 0}, model::Link::kSoftmax};
  return model;
}

// Its classes the other way round.
inline model::Model other_model() {
  auto model = example_model();
  model.classifier.coefficients = {0, 1, 1, 0};
  return model;
}

inline std::shared_ptr<const ServedModel> example_served_model() {
  return *make_served_model(example_model(), "example", "0123abcd");
}

}  // namespace iris::serve
