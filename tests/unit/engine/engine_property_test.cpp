// The engine against the oracle on random models. Both sum in double precision in the same order,
// so the label must be the same always, not nearly always.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "engine/engine.hpp"
#include "engine/reference.hpp"

namespace iris::engine {
namespace {

// Numbers of all magnitudes, and now and then the same small ones, so that scores tie.
rc::Gen<float> numbers() {
  const auto coarse = rc::gen::map(rc::gen::inRange(-3, 4), [](int n) { return float(n); });
  const auto any = rc::gen::map(
      rc::gen::pair(rc::gen::inRange(-1000000, 1000001), rc::gen::inRange(-60, 61)),
      [](std::pair<int, int> p) { return std::ldexp(static_cast<float>(p.first), p.second); });
  return rc::gen::oneOf(coarse, any);
}

model::Model random_model() {
  const auto classes = *rc::gen::inRange<std::size_t>(2, 12);
  const auto features = *rc::gen::inRange<std::size_t>(1, 9);
  model::Model model;
  for (std::size_t f = 0; f < features; ++f) {
    model.signature.feature_names.push_back(fmt::format("x{}", f));
  }
  for (std::size_t c = 0; c < classes; ++c) {
    model.signature.class_labels.push_back(fmt::format("c{}", c));
  }
  auto& classifier = model.classifier;
  if (classes == 2 && *rc::gen::arbitrary<bool>()) {
    classifier.link = model::Link::kLogistic;
    classifier.coefficients = *rc::gen::container<std::vector<float>>(features, numbers());
    classifier.intercepts = {*numbers()};
    for (std::size_t f = 0; f < features; ++f) {
      classifier.coefficients.push_back(-classifier.coefficients[f]);
    }
    classifier.intercepts.push_back(-classifier.intercepts[0]);
    return model;
  }
  classifier.coefficients = *rc::gen::container<std::vector<float>>(classes * features, numbers());
  classifier.intercepts = *rc::gen::container<std::vector<float>>(classes, numbers());
  return model;
}

TEST(EngineProperty, AgreesWithTheReference) {
  const bool holds = rc::check([] {
    const auto model = random_model();
    const auto engine = Engine::compile(model);
    RC_ASSERT(engine.has_value());
    const auto rows = *rc::gen::inRange<std::size_t>(0, 6);
    const auto values = *rc::gen::container<std::vector<float>>(rows * model.features(), numbers());
    std::vector<float> probabilities(rows * model.classes());
    std::vector<std::uint32_t> labels(rows);
    std::vector<std::uint32_t> labels_only(rows);
    engine->predict(values, probabilities, labels);
    engine->predict(values, labels_only);
    RC_ASSERT(labels == labels_only);
    for (std::size_t i = 0; i < rows; ++i) {
      const std::span row(values.data() + i * model.features(), model.features());
      const auto expected = reference::predict(model, row);
      RC_ASSERT(labels[i] == expected.label);
      for (std::size_t c = 0; c < model.classes(); ++c) {
        const float found = probabilities[i * model.classes() + c];
        RC_ASSERT(std::abs(found - expected.probabilities[c]) <= 1e-7);
      }
    }
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace iris::engine
