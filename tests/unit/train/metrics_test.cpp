#include "train/metrics.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace iris::train {
namespace {

// Four rows of two classes, one of them wrong; class c is never there and never predicted.
Metrics example() {
  const std::array<std::uint32_t, 4> truth = {0, 0, 1, 1};
  const std::array<std::uint32_t, 4> predicted = {0, 1, 1, 1};
  const std::array<float, 12> probabilities = {0.5F, 0.25F, 0.25F, 0.25F, 0.5F, 0.25F,
                                               0,    1,     0,     0.5F,  0.5F, 0};
  return measure(truth, predicted, probabilities, {"a", "b", "c"});
}

TEST(Metrics, AreThoseOfTheDefinitions) {
  const auto metrics = example();
  EXPECT_EQ(metrics.correct, 3U);
  EXPECT_DOUBLE_EQ(metrics.accuracy, 0.75);
  EXPECT_DOUBLE_EQ(metrics.classes[0].precision, 1);
  EXPECT_DOUBLE_EQ(metrics.classes[0].recall, 0.5);
  EXPECT_DOUBLE_EQ(metrics.classes[0].f1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(metrics.classes[1].precision, 2.0 / 3);
  EXPECT_EQ(metrics.classes[1].support, 2U);
  EXPECT_EQ(metrics.classes[2].f1, 0);
  EXPECT_DOUBLE_EQ(metrics.macro_recall, 0.5);
  EXPECT_NEAR(metrics.log_loss, (std::log(2) + std::log(4) + 0 + std::log(2)) / 4, 1e-12);
  EXPECT_EQ(metrics.confusion[0], (std::vector<std::size_t>{1, 1, 0}));
  EXPECT_EQ(metrics.confusion[1], (std::vector<std::size_t>{0, 2, 0}));
}

TEST(Metrics, ACertainMistakeCostsMuchButNotInfinitely) {
  const std::array<std::uint32_t, 1> truth = {0};
  const std::array<std::uint32_t, 1> predicted = {1};
  const std::array<float, 2> probabilities = {0, 1};
  EXPECT_NEAR(measure(truth, predicted, probabilities, {"a", "b"}).log_loss, 36.04, 0.01);
}

// Figures of scipy.stats.binomtest(k, n).proportion_ci(method="wilson").
TEST(WilsonInterval, IsThatOfTheField) {
  EXPECT_NEAR(wilson_interval(45, 45).low, 0.9213484, 1e-7);
  EXPECT_EQ(wilson_interval(45, 45).high, 1);
  EXPECT_EQ(wilson_interval(0, 10).low, 0);
  EXPECT_NEAR(wilson_interval(5, 10).low, 0.2365931, 1e-7);
  EXPECT_NEAR(wilson_interval(5, 10).high, 0.7634069, 1e-7);
}

TEST(TrainingRecord, ReadsBackWhatABaselineNeeds) {
  const TrainingRecord record{"abc", "0.1.0", 8, 4, true, example()};
  const auto read = parse_training_record(to_json(record), "metrics.json");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->metrics.accuracy, 0.75);
  EXPECT_EQ(read->data_version, "abc");
  ASSERT_EQ(read->metrics.classes.size(), 3U);
  EXPECT_EQ(read->metrics.classes[1].label, "b");
  EXPECT_EQ(to_json(record), to_json(record));
}

TEST(TrainingRecord, RefusesWhatIsNone) {
  for (const char* text :
       {"", "{}", "[]", "{\"accuracy\": \"high\"}", "{\"accuracy\": 1, \"classes\": {\"a\": 1}}"}) {
    const auto read = parse_training_record(text, "b.json");
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_TRUE(read.error().message.starts_with("b.json: ")) << read.error().message;
  }
}

}  // namespace
}  // namespace iris::train
