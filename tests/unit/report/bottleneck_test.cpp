// Each rule with figures for which it holds, and with one figure changed so that it does not.
#include "report/bottleneck.hpp"

#include <gtest/gtest.h>

#include <set>

namespace iris::report {
namespace {

// A scenario in which nothing is scarce.
Evidence easy() {
  Evidence e;
  e.connections = 1000;
  e.connections_held = 998;
  e.connect_errors = 0;
  e.timeouts = 0;
  e.cores = 2;
  e.generator_threads = 12;
  e.generator_cpu_milli = 400;
  e.host_cpu_milli = 900;
  e.replicas_cpu_milli = 400;
  e.cpu_limit_milli = 225;
  e.throttled_fraction = 0.02;
  e.throttled_fraction_least = 0.01;
  e.throttled_fraction_first = 0.02;
  e.replicas_start = 1;
  e.replicas_most = 3;
  e.max_replicas = 5;
  e.imbalance = 1.02;
  e.ticks = 10;
  e.ticks_max = 0;
  e.ticks_tolerance = 0;
  e.ticks_policy = 0;
  e.proposed_most = 3;
  e.utilization_percent = 62;
  e.target_percent = 60;
  e.scale_up_s = 1.5;
  e.load_s = 20;
  e.steady_per_s = 60'000;
  e.whole_per_s = 57'000;
  e.memory_most_bytes = 9'000'000;
  e.memory_limit_bytes = 536'870'912;
  e.replicas_lost = 0;
  return e;
}

// One in which the replicas used up their quota.
Evidence throttled() {
  Evidence e = easy();
  e.throttled_fraction = 0.99;
  e.throttled_fraction_least = 0.98;
  e.throttled_fraction_first = 0.99;
  e.replicas_cpu_milli = 675;
  return e;
}

std::string sentence_of(const std::optional<Finding>& finding) {
  return finding ? finding->sentence : "none";
}

TEST(Bottleneck, NothingScarceNamesNothing) {
  EXPECT_FALSE(find_bottleneck(easy()));
  for (const Rule rule : kRules) EXPECT_FALSE(rule(easy()));
}

TEST(Bottleneck, NothingMeasuredNamesNothing) {
  EXPECT_FALSE(find_bottleneck(Evidence{}));
  for (const Rule rule : kRules) EXPECT_FALSE(rule(Evidence{}));
}

TEST(Bottleneck, EveryKindHasItsName) {
  std::set<std::string> names;
  for (int kind = 0; kind < 10; ++kind) names.insert(name_of(static_cast<Bottleneck>(kind)));
  EXPECT_EQ(names.size(), kRules.size());
  EXPECT_EQ(names.count(""), 0U);
}

TEST(Bottleneck, MemoryLimit) {
  Evidence e = easy();
  e.replicas_lost = 1;
  e.memory_most_bytes = 530'000'000;
  EXPECT_EQ(sentence_of(memory_limit(e)),
            "memory limit: 1 replica lost, with 505 MiB of 512 MiB in use");
  e.memory_most_bytes = 400'000'000;
  EXPECT_FALSE(memory_limit(e));
  e.memory_most_bytes = 530'000'000;
  e.replicas_lost = 0;
  EXPECT_FALSE(memory_limit(e));
}

TEST(Bottleneck, LoadGenerator) {
  Evidence e = easy();
  e.generator_threads = 1;
  e.generator_cpu_milli = 990;
  EXPECT_EQ(
      sentence_of(find_bottleneck(e)),
      "the load generator is the limit: it used 990 of its 1,000 milli-CPU, the replicas 400");
  e.throttled_fraction = 0.99;  // the replicas could not have done more either
  EXPECT_FALSE(load_generator(e));
  e = easy();
  e.host_cpu_milli = 1990;
  e.generator_cpu_milli = 1100;
  e.replicas_cpu_milli = 800;
  EXPECT_TRUE(load_generator(e));
  e.replicas_cpu_milli = 1200;
  EXPECT_FALSE(load_generator(e));
}

TEST(Bottleneck, Imbalance) {
  Evidence e = throttled();
  e.imbalance = 2.1;
  e.throttled_fraction_least = 0.1;
  EXPECT_EQ(sentence_of(find_bottleneck(e)),
            "imbalance between replicas (sticky connections): the busiest of 3 got 2.10× the mean, "
            "while the least busy was throttled in 10 % of periods");
  e.throttled_fraction_least = 0.9;  // even the least busy one has nothing to spare
  EXPECT_FALSE(imbalance(e));
  e.throttled_fraction_least = 0.1;
  e.imbalance = 1.25;
  EXPECT_FALSE(imbalance(e));
  e.imbalance = 2.1;
  e.replicas_most = 1;
  EXPECT_FALSE(imbalance(e));
}

TEST(Bottleneck, HpaTolerance) {
  Evidence e = throttled();
  e.ticks_tolerance = 9;
  EXPECT_EQ(sentence_of(find_bottleneck(e)),
            "HPA tolerance keeps 3 of 5: CPU quota throttled in 99 % of periods (225 of 225 "
            "milli-CPU used per replica) with utilization at most 62 % against a target of 60 %, "
            "near enough in 9 of 10 syncs");
  e.ticks_tolerance = 5;
  EXPECT_FALSE(hpa_tolerance(e));
  e.ticks_tolerance = 9;
  e.throttled_fraction = 0.1;
  EXPECT_FALSE(hpa_tolerance(e));
}

TEST(Bottleneck, HpaRatePolicy) {
  Evidence e = throttled();
  e.ticks_policy = 8;
  e.proposed_most = 25;
  EXPECT_EQ(sentence_of(find_bottleneck(e)),
            "HPA rate policy held it at 3 of 5 in 8 of 10 syncs while the metric asked for 25: CPU "
            "quota throttled in 99 % of periods (225 of 225 milli-CPU used per replica)");
  e.replicas_most = 5;
  EXPECT_FALSE(hpa_rate_policy(e));
}

TEST(Bottleneck, MaxReplicas) {
  Evidence e = throttled();
  e.replicas_most = 1;
  e.max_replicas = 1;
  e.replicas_cpu_milli = 225;
  e.ticks_max = 10;
  e.proposed_most = 9;
  const auto finding = find_bottleneck(e);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->kind, Bottleneck::kMaxReplicas);
  EXPECT_EQ(finding->sentence,
            "maxReplicas holds it at 1 replica: CPU quota throttled in 99 % of periods (225 of 225 "
            "milli-CPU used) while the HPA asked for 9");
  e.ticks_max = 2;
  EXPECT_FALSE(max_replicas(e));
  e.ticks_max = 10;
  e.throttled_fraction = 0.3;  // it asked for more, but did not need them
  EXPECT_FALSE(max_replicas(e));
  e.throttled_fraction = 0.99;
  e.max_replicas = 3;
  EXPECT_FALSE(max_replicas(e));
}

TEST(Bottleneck, CpuQuota) {
  Evidence e = throttled();
  EXPECT_EQ(sentence_of(find_bottleneck(e)),
            "CPU quota throttled in 99 % of periods (225 of 225 milli-CPU used per replica)");
  e.throttled_fraction = 0.49;
  EXPECT_FALSE(cpu_quota(e));
}

TEST(Bottleneck, HpaLag) {
  Evidence e = easy();
  e.throttled_fraction_first = 1;
  e.scale_up_s = 12;
  e.whole_per_s = 35'000;
  EXPECT_EQ(sentence_of(find_bottleneck(e)),
            "HPA lag: 12.0 s of 20.0 s passed until 3 replicas were ready, so the whole run has "
            "35,000 requests/s and the steady state 60,000");
  e.scale_up_s = 2;
  EXPECT_FALSE(hpa_lag(e));
  e.scale_up_s = 12;
  e.whole_per_s = 59'000;
  EXPECT_FALSE(hpa_lag(e));
}

TEST(Bottleneck, CpuSaturation) {
  Evidence e = easy();
  e.throttled_fraction.reset();
  e.host_cpu_milli = 1980;
  e.replicas_cpu_milli = 1200;
  e.generator_cpu_milli = 700;
  EXPECT_EQ(sentence_of(find_bottleneck(e)),
            "CPU saturation: 1,980 of 2,000 milli-CPU of the machine in use, 1,200 by the replicas "
            "and 700 by the load generator");
  e.host_cpu_milli = 1500;
  EXPECT_FALSE(cpu_saturation(e));
}

TEST(Bottleneck, AcceptBacklog) {
  Evidence e = easy();
  e.connections_held = 500;
  e.timeouts = 12;
  EXPECT_EQ(
      sentence_of(find_bottleneck(e)),
      "accept backlog: replicas held 500 of 1,000 connections, 0 could not connect, 12 timed out");
  e.connections_held = 950;
  EXPECT_FALSE(accept_backlog(e));
  e.connect_errors = 3;
  EXPECT_TRUE(accept_backlog(e));
  e.host_cpu_milli = 2000;  // nobody had the time to accept
  EXPECT_FALSE(accept_backlog(e));
}

}  // namespace
}  // namespace iris::report
