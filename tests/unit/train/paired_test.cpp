// What a closed form, symmetry and simulation say of the intervals.
#include "train/paired.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace iris::train {
namespace {

constexpr double kMargin = 0.02;

// Tango's lower end without any disagreement is -z² / (n + z²) in closed form, the upper its
// mirror.
TEST(Paired, WithoutDisagreementTheIntervalIsItsClosedForm) {
  constexpr double kZSquared = 5.411894;
  for (const std::size_t rows : {10U, 45U, 1000U}) {
    const auto n = static_cast<double>(rows);
    const Interval change = paired_change({rows, 0, 0});
    EXPECT_NEAR(change.low, -kZSquared / (n + kZSquared), 1e-6);
    EXPECT_NEAR(change.high, kZSquared / (n + kZSquared), 1e-6);
  }
}

TEST(Paired, LossAndGainMirrorEachOther) {
  const Interval one = paired_change({200, 12, 5});
  const Interval other = paired_change({200, 5, 12});
  EXPECT_NEAR(one.low, -other.high, 1e-9);
  EXPECT_NEAR(one.high, -other.low, 1e-9);
}

// From the likelihood itself, without Tango's closed form: scipy's minimize_scalar finds the
// constrained maximum for a given change, and brentq the changes whose score statistic is
// ±2.326348.
TEST(Paired, TheEndsAreThoseOfTheLikelihood) {
  struct Case {
    Pairs pairs;
    Interval ends;
  };
  for (const auto& [pairs, ends] :
       {Case{{45, 3, 0}, {-0.207228, 0.047844}}, Case{{100, 10, 2}, {-0.175566, 0.000732}},
        Case{{1000, 60, 40}, {-0.044052, 0.003343}}, Case{{20, 5, 5}, {-0.359390, 0.359390}},
        Case{{10, 10, 0}, {-1, -0.297699}}, Case{{7, 1, 0}, {-0.577221, 0.355457}}}) {
    const Interval change = paired_change(pairs);
    EXPECT_NEAR(change.low, ends.low, 2e-6) << pairs.rows;
    EXPECT_NEAR(change.high, ends.high, 2e-6) << pairs.rows;
  }
}

TEST(Paired, ThreeVerdicts) {
  EXPECT_EQ(compare({45, 0, 0}, kMargin), Comparison::kUndecided);
  EXPECT_EQ(compare({45, 1, 0}, kMargin), Comparison::kUndecided);
  EXPECT_EQ(compare({45, 20, 0}, kMargin), Comparison::kWorse);
  EXPECT_EQ(compare({300, 0, 0}, kMargin), Comparison::kNoWorse);
  EXPECT_EQ(compare({10000, 600, 100}, kMargin), Comparison::kWorse);
  EXPECT_EQ(compare({10000, 100, 100}, kMargin), Comparison::kNoWorse);
}

TEST(Paired, EqualsAreNeverRefusedMoreOftenThanAllowed) {
  for (const double margin : {0.0, kMargin}) {
    for (std::size_t rows = 1; rows <= 200; rows += 7) {
      for (std::size_t lost = 0; lost <= rows; lost += 3) {
        EXPECT_LE(false_alarm({rows, lost, 0}, margin), kGateError) << rows << ' ' << lost;
      }
    }
  }
}

TEST(Paired, SaysHowManyRowsAreNeeded) {
  EXPECT_EQ(rows_needed({45, 0, 0}, kMargin), 266U);
  EXPECT_EQ(compare({266, 0, 0}, kMargin), Comparison::kNoWorse);
  EXPECT_EQ(compare({264, 0, 0}, kMargin), Comparison::kUndecided);
  EXPECT_EQ(rows_needed({45, 0, 0}, 0), std::nullopt);
}

TEST(Paired, TheVisibleDropIsFoundInFourOfFiveSamples) {
  constexpr std::size_t kRows = 200;
  const auto drop = visible_drop({kRows, 2, 2}, kMargin);
  ASSERT_TRUE(drop);
  std::mt19937_64 random(1);
  std::binomial_distribution<std::size_t> lost(kRows, *drop + 2.0 / kRows);
  int found = 0;
  for (int i = 0; i < 4000; ++i) {
    if (compare({kRows, lost(random), 2}, kMargin) == Comparison::kWorse) ++found;
  }
  EXPECT_NEAR(found / 4000.0, kGatePower, 0.03);
  EXPECT_EQ(visible_drop({2, 0, 0}, kMargin), std::nullopt);
}

// Newcombe 1998, example (a): 56 of 70 against 48 of 80, 95 %: 0.0524 to 0.3339. At 98 % wider.
TEST(Paired, TwoSamplesOfDifferentRows) {
  const Interval change = unpaired_change({48.0 / 80, 80}, {56.0 / 70, 70});
  EXPECT_LT(change.low, 0.0524);
  EXPECT_GT(change.high, 0.3339);
  EXPECT_EQ(compare(Sample{0.96, 45}, Sample{0.93, 45}, kMargin), Comparison::kUndecided);
  EXPECT_EQ(compare(Sample{0.96, 45}, Sample{0.3, 45}, kMargin), Comparison::kWorse);
}

}  // namespace
}  // namespace iris::train
