#include "engine/engine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <thread>

#include "../model/example.hpp"
#include "engine/reference.hpp"

namespace iris::engine {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Engine compiled(const model::Model& model) {
  auto engine = Engine::compile(model);
  EXPECT_TRUE(engine.has_value());
  return std::move(*engine);
}

model::Model with_classes(std::size_t classes) {
  model::Model model;
  model.signature.feature_names = {"x"};
  for (std::size_t c = 0; c < classes; ++c) {
    model.signature.class_labels.push_back(fmt::format("c{}", c));
    model.classifier.coefficients.push_back(static_cast<float>(c));
  }
  model.classifier.intercepts.assign(classes, 0);
  return model;
}

// Scores by hand: row (1, 2): −1, 1.1, 0; exp gives 0.3679, 3.0042, 1.
TEST(Engine, PredictsLabelsAndProbabilities) {
  const auto engine = compiled(model::three_classes());
  EXPECT_EQ(engine.features(), 2U);
  EXPECT_EQ(engine.classes(), 3U);
  const std::array<float, 4> rows = {1, 2, -3, 0};
  std::array<float, 6> probabilities{};
  std::array<std::uint32_t, 2> labels{};
  engine.predict(rows, probabilities, labels);
  EXPECT_EQ(engine.label(labels[0]), "medium");
  EXPECT_EQ(engine.label(labels[1]), "small");
  EXPECT_NEAR(probabilities[0], 0.084140F, 1e-5);
  EXPECT_NEAR(probabilities[1], 0.687136F, 1e-5);
  EXPECT_NEAR(probabilities[2], 0.228724F, 1e-5);
  EXPECT_NEAR(probabilities[3] + probabilities[4] + probabilities[5], 1, 1e-6);
}

TEST(Engine, LabelsOnlyAreTheSameLabels) {
  const auto engine = compiled(model::three_classes());
  const std::array<float, 6> rows = {1, 2, -3, 0, 9, 9};
  std::array<float, 9> probabilities{};
  std::array<std::uint32_t, 3> with{};
  std::array<std::uint32_t, 3> without{};
  engine.predict(rows, probabilities, with);
  engine.predict(rows, without);
  EXPECT_EQ(with, without);
}

// Which fast kernel must take which model: a wrong choice would still answer right, only slowly.
TEST(Engine, ChoosesTheKernelByTheNumberOfClasses) {
  EXPECT_EQ(compiled(model::two_classes()).kernel(), "classes-2");
  EXPECT_EQ(compiled(model::three_classes()).kernel(), "classes-3");
  EXPECT_EQ(compiled(with_classes(8)).kernel(), "classes-8");
  EXPECT_EQ(compiled(with_classes(9)).kernel(), "general");
}

TEST(Engine, TakesTheFirstOfEqualScores) {
  for (const std::size_t classes : {2U, 3U, 8U, 9U, 40U}) {
    const auto engine = compiled(with_classes(classes));
    const float zero = 0;
    std::uint32_t label = 99;
    engine.predict({&zero, 1}, {&label, 1});
    EXPECT_EQ(label, 0U) << classes;
  }
}

TEST(Engine, HugeScoresGiveCertaintyNotNan) {
  for (const auto& model : {model::three_classes(), model::two_classes()}) {
    const auto engine = compiled(model);
    const std::array<float, 2> row = {3e38F, 3e38F};
    std::vector<float> probabilities(engine.classes());
    std::uint32_t label = 0;
    engine.predict(row, probabilities, {&label, 1});
    EXPECT_EQ(probabilities[label], 1);
    EXPECT_EQ(probabilities[0], 0);
  }
}

TEST(Engine, RowsThatAreNotFiniteGetSomeLabelAndNeverCrash) {
  for (const auto& model : {model::three_classes(), model::two_classes(), with_classes(20)}) {
    const auto engine = compiled(model);
    for (const float value : {kNan, kInfinity, -kInfinity}) {
      const std::vector<float> row(engine.features(), value);
      std::vector<float> probabilities(engine.classes());
      std::uint32_t label = 0;
      engine.predict(row, probabilities, {&label, 1});
      EXPECT_LT(label, engine.classes());
    }
  }
}

TEST(Engine, AnswersNoRowsWithNothing) {
  compiled(model::three_classes()).predict({}, {}, {});
}

TEST(Engine, ThreadsShareIt) {
  const auto engine = compiled(model::three_classes());
  std::array<std::uint32_t, 4> found{};
  std::vector<std::thread> threads;
  for (auto& label : found) {
    threads.emplace_back([&] {
      const std::array<float, 2> row = {1, 2};
      for (int i = 0; i < 1000; ++i) engine.predict(row, {&label, 1});
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto label : found) EXPECT_EQ(label, 1U);
}

TEST(Engine, RefusesAModelThatDoesNotHold) {
  auto model = model::three_classes();
  model.classifier.intercepts.pop_back();
  EXPECT_FALSE(Engine::compile(model).has_value());
}

TEST(GoldenRows, HoldForTheModelThatMadeThem) {
  auto model = model::three_classes();
  model.golden_rows = {{{1, 2}, "medium", {0.084140F, 0.687136F, 0.228724F}}};
  EXPECT_TRUE(verify_golden_rows(compiled(model), model).has_value());
}

TEST(GoldenRows, FailForAnotherLabelOrProbability) {
  auto model = model::three_classes();
  model.golden_rows = {{{1, 2}, "small", {0.084140F, 0.687136F, 0.228724F}}};
  const auto label = verify_golden_rows(compiled(model), model);
  ASSERT_FALSE(label.has_value());
  EXPECT_NE(label.error().message.find("answered with 'medium', expected 'small'"),
            std::string::npos);

  model.golden_rows = {{{1, 2}, "medium", {0.084140F, 0.6872F, 0.228724F}}};
  const auto probability = verify_golden_rows(compiled(model), model);
  ASSERT_FALSE(probability.has_value());
  EXPECT_NE(probability.error().message.find("gives class 'medium' the probability"),
            std::string::npos);
}

}  // namespace
}  // namespace iris::engine
