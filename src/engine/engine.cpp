#include "engine/engine.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/limits.hpp"

namespace iris::engine {
namespace {

constexpr float kGoldenTolerance = 1e-5F;

std::uint32_t highest(const double* scores, std::size_t classes) {
  std::uint32_t best = 0;
  for (std::uint32_t c = 1; c < classes; ++c) {
    if (scores[c] > scores[best]) best = c;
  }
  return best;
}

// Overwrites `scores`. Shifting all scores by one constant changes no probability and keeps exp in
// range.
void write_probabilities(model::Link link, double* scores, std::size_t classes, std::uint32_t label,
                         float* probabilities) {
  if (link == model::Link::kLogistic) {
    for (std::size_t c = 0; c < classes; ++c) {
      probabilities[c] = static_cast<float>(1 / (1 + std::exp(-scores[c])));
    }
    return;
  }
  const double shift = scores[label];
  double sum = 0;
  for (std::size_t c = 0; c < classes; ++c) sum += scores[c] = std::exp(scores[c] - shift);
  for (std::size_t c = 0; c < classes; ++c) {
    probabilities[c] = static_cast<float>(scores[c] / sum);
  }
}

// One row; `classes` is a constant where the caller's is, so that the scores stay in registers.
inline void predict_row(const Engine::Weights& weights, const float* row, std::size_t features,
                        std::size_t classes, double* scores, float* probabilities,
                        std::uint32_t& label) {
  for (std::size_t c = 0; c < classes; ++c) scores[c] = weights.intercepts[c];
  const double* coefficients = weights.coefficients.data();
  for (std::size_t f = 0; f < features; ++f, coefficients += classes) {
    const double value = row[f];
    for (std::size_t c = 0; c < classes; ++c) scores[c] += coefficients[c] * value;
  }
  label = highest(scores, classes);
  if (probabilities != nullptr) {
    write_probabilities(weights.link, scores, classes, label, probabilities);
  }
}

// kClasses 0: the number is only known at run time.
template <std::size_t kClasses>
void predict_rows(const Engine::Weights& weights, std::span<const float> rows, float* probabilities,
                  std::span<std::uint32_t> labels) noexcept {
  const std::size_t classes = kClasses == 0 ? weights.intercepts.size() : kClasses;
  const std::size_t features = weights.coefficients.size() / classes;
  // On the stack: at most 32 KiB, and no allocation.
  std::array<double, kClasses == 0 ? limits::kClasses : kClasses> scores;
  const float* row = rows.data();
  for (auto& label : labels) {
    predict_row(weights, row, features, classes, scores.data(), probabilities, label);
    row += features;
    if (probabilities != nullptr) probabilities += classes;
  }
}

struct NamedKernel {
  void (*predict)(const Engine::Weights&, std::span<const float>, float*,
                  std::span<std::uint32_t>) noexcept;
  std::string_view name;
};

NamedKernel choose_kernel(std::size_t classes) {
  switch (classes) {
    case 2:
      return {predict_rows<2>, "classes-2"};
    case 3:
      return {predict_rows<3>, "classes-3"};
    case 4:
      return {predict_rows<4>, "classes-4"};
    case 5:
      return {predict_rows<5>, "classes-5"};
    case 6:
      return {predict_rows<6>, "classes-6"};
    case 7:
      return {predict_rows<7>, "classes-7"};
    case 8:
      return {predict_rows<8>, "classes-8"};
    default:
      return {predict_rows<0>, "general"};
  }
}

}  // namespace

Result<Engine> Engine::compile(const model::Model& model) {
  if (auto ok = model::validate(model); !ok) return tl::unexpected(ok.error());
  Engine engine;
  engine.features_ = model.features();
  engine.labels_ = model.signature.class_labels;
  const auto& classifier = model.classifier;
  auto& weights = engine.weights_;
  weights.link = classifier.link;
  weights.intercepts.assign(classifier.intercepts.begin(), classifier.intercepts.end());
  weights.coefficients.reserve(classifier.coefficients.size());
  for (std::size_t f = 0; f < model.features(); ++f) {
    for (std::size_t c = 0; c < model.classes(); ++c) {
      weights.coefficients.push_back(classifier.coefficients[c * model.features() + f]);
    }
  }
  const auto kernel = choose_kernel(model.classes());
  engine.kernel_ = kernel.predict;
  engine.kernel_name_ = kernel.name;
  return engine;
}

void Engine::predict(std::span<const float> rows, std::span<float> probabilities,
                     std::span<std::uint32_t> labels) const noexcept {
  kernel_(weights_, rows, probabilities.data(), labels);
}

void Engine::predict(std::span<const float> rows, std::span<std::uint32_t> labels) const noexcept {
  kernel_(weights_, rows, nullptr, labels);
}

Result<void> verify_golden_rows(const Engine& engine, const model::Model& model) {
  std::vector<float> probabilities(engine.classes());
  for (std::size_t i = 0; i < model.golden_rows.size(); ++i) {
    const auto& golden = model.golden_rows[i];
    std::uint32_t label = 0;
    engine.predict(golden.row, probabilities, {&label, 1});
    if (engine.label(label) != golden.label) {
      return input_error(
          "golden row {} is answered with '{}', expected '{}': this is not the model that was "
          "trained; train it again",
          i, engine.label(label), golden.label);
    }
    for (std::size_t c = 0; c < probabilities.size(); ++c) {
      // Written so that NaN fails.
      if (std::abs(probabilities[c] - golden.probabilities[c]) <= kGoldenTolerance) continue;
      return input_error(
          "golden row {} gives class '{}' the probability {}, expected {}: this is not the model "
          "that was trained; train it again",
          i, engine.label(static_cast<std::uint32_t>(c)), probabilities[c],
          golden.probabilities[c]);
    }
  }
  return {};
}

}  // namespace iris::engine
