// Against scikit-learn itself: tests/contract/test_training.py.
#include "train/logistic_regression.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace iris::train {
namespace {

std::vector<std::size_t> all_rows(const dataset::Examples& examples) {
  std::vector<std::size_t> rows(examples.rows());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return rows;
}

// One feature, two classes that mirror each other around 0.
dataset::Examples mirrored() {
  return {{"x"}, "y", {"no", "yes"}, {-2, -1, 1, 2}, {0, 0, 1, 1}};
}

// Mirrored data leave no intercept, and the slope solves w = Σ 2·x·σ(−w·x) over x = 1, 2 (C = 1).
TEST(LogisticRegression, SolvesTheBinaryCaseByHand) {
  const auto examples = mirrored();
  const auto fit = fit_logistic_regression(examples, all_rows(examples), {});
  ASSERT_TRUE(fit.has_value());
  EXPECT_TRUE(fit->converged);
  const double w = fit->coefficients[1];
  const auto sigmoid = [](double s) { return 1 / (1 + std::exp(-s)); };
  EXPECT_NEAR(w, 2 * 1 * sigmoid(-w) + 2 * 2 * sigmoid(-2 * w), 1e-9);
  EXPECT_EQ(fit->coefficients[0], -w);
  EXPECT_NEAR(fit->intercepts[1], 0, 1e-9);
  EXPECT_LT(fit->gradient_norm, 1e-9);
}

TEST(LogisticRegression, ThreeClassesSumToZeroOverTheClasses) {
  const dataset::Examples examples{
      {"a", "b"}, "y", {"p", "q", "r"}, {0, 0, 1, 0, 5, 1, 6, 2, 9, 9, 8, 7}, {0, 0, 1, 1, 2, 2}};
  const auto fit = fit_logistic_regression(examples, all_rows(examples), {});
  ASSERT_TRUE(fit.has_value());
  EXPECT_TRUE(fit->converged);
  const auto& w = fit->coefficients;
  EXPECT_NEAR(w[0] + w[2] + w[4], 0, 1e-9);
  EXPECT_NEAR(fit->intercepts[0] + fit->intercepts[1] + fit->intercepts[2], 0, 1e-9);
  EXPECT_LT(fit->gradient_norm, 1e-9);
}

// The scaling inside is of the variables, not of the objective: a feature in other units gets a
// coefficient in other units, but for the penalty, which a large C makes small.
TEST(LogisticRegression, FeaturesOfVeryDifferentSizeConverge) {
  dataset::Examples examples{{"a", "b"}, "y", {"p", "q"}, {}, {}};
  for (std::uint32_t i = 0; i < 40; ++i) {
    examples.features.push_back(1e6 + 1e4 * static_cast<double>((i * 7) % 11));
    examples.features.push_back(1e-3 * static_cast<double>((i * 5) % 13));
    examples.labels.push_back((i * 3) % 5 < 2 ? 1 : 0);
  }
  const auto fit = fit_logistic_regression(examples, all_rows(examples), {});
  ASSERT_TRUE(fit.has_value());
  EXPECT_TRUE(fit->converged);
}

TEST(LogisticRegression, AConstantFeatureGetsNoWeight) {
  dataset::Examples examples = mirrored();
  examples.feature_names = {"x", "constant"};
  examples.features = {-2, 7, -1, 7, 1, 7, 2, 7};
  const auto fit = fit_logistic_regression(examples, all_rows(examples), {});
  ASSERT_TRUE(fit.has_value());
  EXPECT_TRUE(fit->converged);
  EXPECT_NEAR(fit->coefficients[1], 0, 1e-12);
}

TEST(LogisticRegression, TheSameDataGiveTheSameBits) {
  const auto examples = mirrored();
  const auto one = fit_logistic_regression(examples, all_rows(examples), {});
  const auto two = fit_logistic_regression(examples, all_rows(examples), {});
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->coefficients, two->coefficients);
  EXPECT_EQ(one->intercepts, two->intercepts);
}

TEST(LogisticRegression, RefusesRowsThatLackAClass) {
  const auto examples = mirrored();
  const auto fit = fit_logistic_regression(examples, {0, 1}, {});
  ASSERT_FALSE(fit.has_value());
  EXPECT_NE(fit.error().message.find("rows of 1 of the 2 classes of 'y'"), std::string::npos);
}

TEST(LogisticRegression, BecomesAModel) {
  const auto examples = mirrored();
  const auto fit = fit_logistic_regression(examples, all_rows(examples), {});
  ASSERT_TRUE(fit.has_value());
  const auto model = to_model(*fit, examples);
  ASSERT_TRUE(model.has_value());
  EXPECT_EQ(model->classifier.link, model::Link::kLogistic);
  EXPECT_EQ(model->signature.class_labels, examples.classes);
}

}  // namespace
}  // namespace iris::train
