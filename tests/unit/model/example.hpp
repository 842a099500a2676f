// Small models that the tests of model/, format/ and engine/ share.
#pragma once

#include "model/model.hpp"

namespace iris::model {

inline Model three_classes() {
  Model model;
  model.signature = {{"width", "height"}, {"small", "medium", "large"}};
  model.classifier = {{-1, -1, 0, 0.5F, 1, 0.5F}, {2, 0.1F, -2}, Link::kSoftmax};
  model.metadata = {{"iris.version", "0.1.0"}};
  return model;
}

inline Model two_classes() {
  Model model;
  model.signature = {{"width", "height"}, {"no", "yes"}};
  model.classifier = {{-1, -0.2F, 1, 0.2F}, {0.3F, -0.3F}, Link::kLogistic};
  return model;
}

}  // namespace iris::model
