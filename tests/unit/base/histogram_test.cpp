#include "base/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace iris {
namespace {

TEST(Histogram, QuantilesAreWithinOnePercentOfTheSortedValues) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latency_us(6, 2);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(latency_us(random)));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.0, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * 100'000));
    const auto exact = static_cast<double>(values[std::max<std::size_t>(rank, 1) - 1]);
    const auto found = static_cast<double>(histogram.quantile(q));
    EXPECT_GE(found, exact) << q;
    EXPECT_LE(found, exact * 1.01 + 1) << q;
  }
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(histogram.min(), values.front());
}

TEST(Histogram, MergeEqualsRecordingIntoOne) {
  Histogram a;
  Histogram b;
  Histogram both;
  for (std::uint64_t v = 0; v < 5'000; v += 7) {
    (v % 2 == 0 ? a : b).record(v * v);
    both.record(v * v);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_DOUBLE_EQ(a.mean(), both.mean());
  for (const double q : {0.1, 0.5, 0.99}) EXPECT_EQ(a.quantile(q), both.quantile(q));
}

TEST(Histogram, CountsWhatIsAboveItsRangeAsItsLargestValue) {
  Histogram histogram;
  histogram.record(~std::uint64_t{0});
  EXPECT_EQ(histogram.count(), 1);
  EXPECT_EQ(histogram.quantile(1), Histogram::kMax);
}

TEST(Histogram, EmptyAnswersZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0);
  EXPECT_EQ(histogram.min(), 0);
}

}  // namespace
}  // namespace iris
