#include "report/evidence.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iris::report {
namespace {

Run fixture(const std::string& name) {
  auto runs = read_runs(std::string(IRIS_SOURCE_DIR) + "/tests/golden/report/" + name);
  EXPECT_TRUE(runs) << runs.error().message;
  return runs ? std::move(runs->front()) : report::Run{};
}

TEST(Evidence, IsTakenFromTheSteadyState) {
  const report::Run run = fixture("good.jsonl");
  const Evidence e = evidence_of(run, run.scenarios[0]);
  EXPECT_EQ(e.replicas_start, 1);
  EXPECT_EQ(e.replicas_most, 3);
  EXPECT_EQ(e.throttled_fraction, 1);
  EXPECT_EQ(e.proposed_most, 25);
  EXPECT_EQ(e.ticks, e.ticks_max);
  EXPECT_NEAR(*e.connections_held, 1000, 60);
  // The event's moment (1.2 s decided, 0.36 s to become ready), not that of the next sample.
  ASSERT_TRUE(e.scale_up_s);
  EXPECT_NEAR(*e.scale_up_s, 1.56, 1e-9);
}

TEST(Evidence, FallsBackOnSamplesWhereTheEndIsMissing) {
  const report::Run run = fixture("cut_off.jsonl");
  ASSERT_FALSE(run.scenarios.back().end);
  const Evidence e = evidence_of(run, run.scenarios.back());
  EXPECT_EQ(e.replicas_most, 3);
  ASSERT_TRUE(e.throttled_fraction);
  EXPECT_GT(*e.throttled_fraction, 0.8);
  EXPECT_FALSE(e.imbalance);
  EXPECT_FALSE(e.steady_per_s);
}

TEST(Evidence, HasNoLimitWhereNoneWasSet) {
  const report::Run run = fixture("no_limits.jsonl");
  const Evidence e = evidence_of(run, run.scenarios[0]);
  EXPECT_FALSE(e.cpu_limit_milli);
  EXPECT_FALSE(e.memory_limit_bytes);
  EXPECT_FALSE(e.throttled_fraction);
  const auto finding = find_bottleneck(e);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->kind, Bottleneck::kCpuSaturation);
}

TEST(Evidence, AScenarioWithoutSamplesHasNone) {
  Scenario scenario;
  scenario.min_replicas = 2;
  const Evidence e = evidence_of(report::Run{}, scenario);
  EXPECT_EQ(e.replicas_start, 2);
  EXPECT_FALSE(e.replicas_most);
  EXPECT_FALSE(e.throttled_fraction);
  EXPECT_FALSE(find_bottleneck(e));
}

}  // namespace
}  // namespace iris::report
