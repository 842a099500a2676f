#include "scale/outcome.hpp"

#include <gtest/gtest.h>

namespace iris::scale {
namespace {

load::ProbeCounts probe_of(std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> values) {
  load::ProbeCounts counts;
  for (const auto& [us, count] : values) {
    counts.latency_us.record(us, count);
    counts.service_us.record(us, count);
    counts.answered += count;
  }
  return counts;
}

load::WrkReport load_of(std::uint64_t requests, double duration_s, std::uint64_t non_2xx = 0) {
  load::WrkReport report;
  report.requests = requests;
  report.duration_s = duration_s;
  report.non_2xx = non_2xx;
  return report;
}

TEST(LittlesLaw, HoldsForAClosedLoopAndNotForMoreThanItsConnections) {
  // 100 connections at 10 ms are 10,000 requests/s.
  const auto law = littles_law(load_of(200'000, 20), probe_of({{10'000, 2'000}}), 100);
  ASSERT_TRUE(law);
  EXPECT_NEAR(law->in_flight, 100, 1);
  EXPECT_TRUE(law->holds);
  const auto broken = littles_law(load_of(200'000, 20), probe_of({{18'700, 2'000}}), 100);
  EXPECT_NEAR(broken->in_flight, 187, 2);
  EXPECT_FALSE(broken->holds);
}

TEST(LittlesLaw, HoldsForALoopThatStandsStillForATenthOfTheTime) {
  // 100 connections, 10 ms for 18 s, nothing for 2 s: 180,000 requests; who asks at fixed moments
  // waits for a second on average in a tenth of them.
  load::ProbeCounts probe = probe_of({{10'000, 1'800}});
  for (std::uint64_t i = 1; i <= 200; ++i) {
    probe.latency_us.record(i * 10'000);
    probe.service_us.record(i * 10'000);
  }
  const auto law = littles_law(load_of(180'000, 20), probe, 100);
  EXPECT_TRUE(law->holds) << law->in_flight;
}

TEST(LittlesLaw, HoldsForALoopThatGetsFaster) {
  // One replica for 10 s, three for 10 s: 100 connections at 30 ms and at 10 ms.
  const auto law =
      littles_law(load_of(33'333 + 100'000, 20), probe_of({{30'000, 1'000}, {10'000, 1'000}}), 100);
  EXPECT_NEAR(law->in_flight, 100, 1);
  EXPECT_TRUE(law->holds);
}

TEST(LittlesLaw, IsOfGoodAnswersAlone) {
  // Refusals are quick; they are no part of the latency, and none of the rate.
  const auto law = littles_law(load_of(1'000'000, 20, 800'000), probe_of({{10'000, 2'000}}), 100);
  EXPECT_TRUE(law->holds) << law->in_flight;
  EXPECT_FALSE(littles_law(load_of(5, 20, 5), probe_of({{10'000, 2'000}}), 100));
  EXPECT_FALSE(littles_law(load_of(5, 20), load::ProbeCounts{}, 100));
}

TEST(Outcome, SupportsAQuantileByItsSamplesAndTheLaw) {
  EXPECT_EQ(samples_for(0.99), 459U);
  EXPECT_EQ(samples_for(0.5), 7U);
  ScenarioOutcome outcome;
  EXPECT_FALSE(outcome.latency_us(0.5));
  outcome.probe = probe_of({{100, 458}});
  EXPECT_FALSE(outcome.latency_us(0.99));
  EXPECT_TRUE(outcome.latency_us(0.5));
  outcome.probe = probe_of({{100, 459}});
  EXPECT_TRUE(outcome.latency_us(0.99));
  outcome.littles_law = LittlesLaw{1'870, 1'000, false};
  EXPECT_FALSE(outcome.latency_us(0.99));
  EXPECT_FALSE(outcome.latency_us(0.5));
}

}  // namespace
}  // namespace iris::scale
