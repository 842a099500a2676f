#include "scale/measure.hpp"

#include <gtest/gtest.h>

namespace iris::scale {
namespace {

ReplicaSample replica(const char* name, double t, std::uint64_t answered, std::uint64_t cpu_us,
                      std::uint64_t periods = 0, std::uint64_t throttled = 0) {
  ReplicaSample sample;
  sample.name = name;
  sample.state = "ready";
  sample.counted_t = sample.used_t = t;
  sample.received = sample.answered = answered;
  sample.cpu_us = cpu_us;
  sample.periods = periods;
  sample.throttled_periods = throttled;
  sample.throttled_us = 0;
  return sample;
}

Sample at(double t, std::vector<ReplicaSample> replicas) {
  Sample sample;
  sample.t = t;
  sample.replicas = std::move(replicas);
  return sample;
}

TEST(Between, GivesRatesSharesAndThrottling) {
  const auto span = between(at(10, {replica("a", 10, 1'000, 0, 100, 90), replica("b", 10, 0, 0)}),
                            at(12, {replica("a", 12, 4'000, 450'000, 120, 110),
                                    replica("b", 12, 1'000, 100'000, 20, 0)}));
  EXPECT_DOUBLE_EQ(span.answered_per_s, 2'000);
  EXPECT_DOUBLE_EQ(span.replicas_cpu_milli, 275);
  EXPECT_DOUBLE_EQ(span.share(span.replicas[0]), 0.75);
  EXPECT_DOUBLE_EQ(*span.imbalance(), 1.5);
  EXPECT_DOUBLE_EQ(*span.throttled_fraction(), 0.5);
}

TEST(Between, UsesTheMomentsAtWhichCountsWereRead) {
  // The second sample is due after 1 s; its counts were read 0.5 s late.
  const auto span = between(at(1, {replica("a", 1, 100, 0)}), at(2, {replica("a", 2.5, 400, 0)}));
  EXPECT_DOUBLE_EQ(span.answered_per_s, 200);
  // Counts that could not be read anew: nothing is known to have happened.
  const auto stale = between(at(1, {replica("a", 1, 100, 0)}), at(2, {replica("a", 1, 100, 0)}));
  EXPECT_DOUBLE_EQ(stale.answered_per_s, 0);
}

TEST(Between, TakesAReplicaThatIsNewFromZeroAndLeavesOutOneThatWasGone) {
  auto gone = replica("old", 1, 500, 0);
  gone.state = "gone";
  const auto span = between(at(1, {gone}), at(2, {gone, replica("new", 2, 300, 0)}));
  ASSERT_EQ(span.replicas.size(), 1U);
  EXPECT_EQ(span.replicas[0].name, "new");
  EXPECT_DOUBLE_EQ(span.answered_per_s, 300);
  EXPECT_DOUBLE_EQ(*span.imbalance(), 1);
}

TEST(Between, HasNoFractionOfNothing) {
  const auto span = between(at(1, {replica("a", 1, 5, 0)}), at(2, {replica("a", 2, 5, 0)}));
  EXPECT_FALSE(span.imbalance());
  EXPECT_FALSE(span.throttled_fraction());
  EXPECT_DOUBLE_EQ(span.share(span.replicas[0]), 0);
}

TEST(SteadyTime, BeginsWhenClientsHaveMovedOver) {
  const auto steady = steady_time(4, 3.3, 20);
  ASSERT_TRUE(steady);
  EXPECT_DOUBLE_EQ(steady->from_t, 7.3);
  EXPECT_DOUBLE_EQ(steady->to_t, 20);
}

TEST(SteadyTime, WarmsUpWhereNothingWasScaled) {
  EXPECT_DOUBLE_EQ(steady_time(-1.5, 3.3, 20)->from_t, kWarmUp_s);
}

TEST(SteadyTime, CutsTheSpreadAndNotTheScaleUp) {
  EXPECT_DOUBLE_EQ(steady_time(4, 33, 20)->from_t, 15);   // at least 5 s are left
  EXPECT_DOUBLE_EQ(steady_time(17, 33, 20)->from_t, 17);  // but never from before it was ready
  EXPECT_FALSE(steady_time(19, 3.3, 20));
}

TEST(SpanOf, NeedsTwoSamplesWithin) {
  const std::vector<Sample> samples = {at(1, {replica("a", 1, 100, 0)}),
                                       at(2, {replica("a", 2, 200, 0)}),
                                       at(3, {replica("a", 3, 400, 0)})};
  EXPECT_DOUBLE_EQ(span_of(samples, 1.5, 3)->answered_per_s, 200);
  EXPECT_FALSE(span_of(samples, 2.5, 3));
}

TEST(Reconcile, AllowsWhatWasOnItsWay) {
  EXPECT_TRUE(reconcile(1'000, 50, 1'050, 100, {}).ok);
  EXPECT_TRUE(reconcile(1'000, 50, 1'150, 100, {}).ok);
  const auto more = reconcile(1'000, 50, 1'151, 100, {});
  EXPECT_FALSE(more.ok);
  EXPECT_EQ(more.difference, 101);
  EXPECT_NE(more.reason, "");
  EXPECT_FALSE(reconcile(1'000, 50, 1'049, 100, {}).ok);
}

TEST(Reconcile, NamesTheReplicaWhoseLastCountsAreNotKnown) {
  const auto lost = reconcile(1'000, 50, 900, 100, {"iris-api-2"});
  EXPECT_FALSE(lost.ok);
  EXPECT_EQ(lost.difference, -150);
  EXPECT_TRUE(lost.reason.starts_with("iris-api-2 ended during the load"));
}

}  // namespace
}  // namespace iris::scale
