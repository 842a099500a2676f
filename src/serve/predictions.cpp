#include "serve/predictions.hpp"

#include <utility>

namespace iris::serve {

void Predictions::make(const ServedModel& model, std::span<const float> values,
                       bool with_probabilities) {
  const std::size_t rows = values.size() / model.engine.features();
  labels_.resize(rows);
  if (with_probabilities) {
    probabilities_.resize(rows * model.engine.classes());
    model.engine.predict(values, probabilities_, labels_);
  } else {
    probabilities_.clear();
    model.engine.predict(values, labels_);
  }
}

void append_labels(http::Buffer& out, const ServedModel& model, const Predictions& predictions) {
  bool first = true;
  for (const auto label : predictions.labels()) {
    if (!std::exchange(first, false)) out.push_back(',');
    http::append(out, model.label_json[label]);
  }
}

}  // namespace iris::serve
