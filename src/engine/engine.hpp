// Prediction, compiled from a Model once and then shared by all threads.
//
//   auto engine = engine::Engine::compile(model);
//   engine->predict(rows, probabilities, labels);   // n rows at once
//   engine->label(labels[0]);                       // "setosa"
//
// Scores are summed in double precision in the order of the features, as reference.hpp does, so
// that the label never depends on the kernel that computed it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/model.hpp"

namespace iris::engine {

class Engine {
 public:
  // Fails as model::validate does.
  static Result<Engine> compile(const model::Model& model);

  std::size_t features() const noexcept { return features_; }
  std::size_t classes() const noexcept { return labels_.size(); }
  // Lives as long as the engine.
  std::string_view label(std::uint32_t index) const noexcept { return labels_[index]; }
  // The kernel chosen for this model: "classes-3", or "general".
  std::string_view kernel() const noexcept { return kernel_name_; }

  // Both predict n rows without allocating or locking, from any number of threads. `rows` is
  // row-major [n × features], `labels` [n] indices of classes: the highest score, the first of
  // equals. A row with NaN or an infinity gets some label and NaN for its probabilities.
  // `probabilities` is row-major [n × classes].
  void predict(std::span<const float> rows, std::span<float> probabilities,
               std::span<std::uint32_t> labels) const noexcept;
  // Without probabilities no exponential is computed.
  void predict(std::span<const float> rows, std::span<std::uint32_t> labels) const noexcept;

  // What a kernel reads. Transposed, so that the scores of one feature are neighbours.
  struct Weights {
    std::vector<double> coefficients;  // row-major [features × classes]
    std::vector<double> intercepts;    // [classes]
    model::Link link = model::Link::kSoftmax;
  };

 private:
  using Kernel = void (*)(const Weights&, std::span<const float> rows, float* probabilities,
                          std::span<std::uint32_t> labels) noexcept;

  Engine() = default;

  std::size_t features_ = 0;
  std::vector<std::string> labels_;
  Weights weights_;
  Kernel kernel_ = nullptr;
  std::string_view kernel_name_;
};

// Answers the model's golden rows: the label must be the same and each probability within 1e-5.
// Fails with the row, what was found and what was expected.
Result<void> verify_golden_rows(const Engine& engine, const model::Model& model);

}  // namespace iris::engine
