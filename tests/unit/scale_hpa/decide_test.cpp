// Whole syncs: bounds before metrics, several metrics, conditions, memory, the sentence.
#include <gtest/gtest.h>

#include "scene.hpp"

namespace iris::scale::hpa {
namespace {

kube::MetricSpec external_metric() {
  kube::MetricSpec metric;
  metric.type = kube::MetricType::kExternal;
  metric.name = "queue";
  metric.target.average_value = kube::Quantity::from_value(1);
  return metric;
}

TEST(Decide, TheFirstSyncRemembersTheCurrentCountAndCannotScaleDown) {
  Scene scene;
  const Decision first = scene.sync_at(5, 100);
  EXPECT_EQ(first.desired_replicas, 5);
  EXPECT_EQ(first.metric->proposed_replicas, 1);
  EXPECT_EQ(first.stabilized, 5);
  EXPECT_EQ(first.limited_by, Limit::kStabilization);
  ASSERT_EQ(scene.history.recommendations.size(), 2u);
  EXPECT_EQ(scene.history.recommendations[0].replicas, 5);
  scene.now += seconds(301);
  EXPECT_EQ(scene.sync_at(5, 100).desired_replicas, 1);
  // With a behavior as well.
  Scene with_behavior;
  with_behavior.hpa.behavior.emplace();
  EXPECT_EQ(with_behavior.sync_at(5, 100).desired_replicas, 5);
}

TEST(Decide, ATargetAtZeroIsLeftAlone) {
  Scene scene;
  scene.add(1000);
  scene.current = 0;
  const Decision decision = scene.sync();
  EXPECT_EQ(decision.desired_replicas, 0);
  EXPECT_EQ(reason_of(decision, "ScalingActive"), "not ScalingDisabled");
  EXPECT_EQ(decision.because, "scaling is disabled while the target has 0 replicas");
  EXPECT_FALSE(decision.error);
  // With a minimum of zero the metrics are asked.
  scene.hpa.min_replicas = 0;
  EXPECT_EQ(scene.sync().desired_replicas, 2);
}

TEST(Decide, BoundsApplyAtOncePastMetricsAndPolicies) {
  Scene scene;
  scene.hpa.max_replicas = 10;
  scene.hpa.behavior.emplace();
  scene.hpa.behavior->scale_down.select_policy = kube::SelectPolicy::kDisabled;
  scene.current = 25;
  const Decision above = scene.sync();
  EXPECT_EQ(above.desired_replicas, 10);
  EXPECT_EQ(above.limited_by, Limit::kMaxReplicas);
  EXPECT_EQ(reason_of(above, "AbleToScale"), "SucceededRescale");
  EXPECT_EQ(reason_of(above, "ScalingActive"), "none");
  EXPECT_FALSE(above.metric);
  EXPECT_EQ(above.because, "25 replicas are above maxReplicas: 10 at once, past every metric");
  EXPECT_EQ(scene.history.scale_down_events.at(0).change, 15);
  scene.hpa.min_replicas = 4;
  scene.current = 2;
  const Decision below = scene.sync();
  EXPECT_EQ(below.desired_replicas, 4);
  EXPECT_EQ(below.limited_by, Limit::kMinReplicas);
  EXPECT_EQ(below.because, "2 replicas are below minReplicas: 4 at once, past every metric");
  EXPECT_EQ(scene.history.scale_up_events.at(0).change, 2);
}

TEST(Decide, ConditionsOfAScaleUp) {
  Scene scene;
  scene.hpa.max_replicas = 3;
  const Decision decision = scene.sync_at(1, 900);
  EXPECT_EQ(decision.desired_replicas, 2);
  ASSERT_EQ(decision.conditions.size(), 3u);
  EXPECT_EQ(decision.conditions[0].type, "AbleToScale");
  EXPECT_EQ(decision.conditions[0].message,
            "the HPA controller was able to update the target scale to 2");
  EXPECT_EQ(decision.conditions[1].message,
            "the HPA was able to successfully calculate a replica count from cpu resource "
            "utilization (percentage of request)");
  EXPECT_EQ(reason_of(decision, "ScalingLimited"), "not DesiredWithinRange");
  EXPECT_FALSE(decision.limited_by);
  EXPECT_EQ(reason_of(scene.sync_at(2, 500), "AbleToScale"), "ReadyForNewScale");
}

TEST(Decide, OfSeveralMetricsTheLargestCounts) {
  Scene scene;
  scene.hpa.metrics = {utilization_metric("cpu", 50), utilization_metric("memory", 10)};
  scene.add(600);
  scene.metrics[0].containers[0].usage["memory"] = kube::Quantity::from_value(300);
  const Decision decision = scene.sync();
  EXPECT_EQ(decision.desired_replicas, 3);
  EXPECT_EQ(decision.metric->name, "memory");
  scene.hpa.metrics = {utilization_metric("memory", 10), utilization_metric("cpu", 50)};
  EXPECT_EQ(scene.sync().metric->name, "memory");
}

TEST(Decide, AllMetricsInvalidIsNoScaling) {
  Scene scene;
  scene.add_without_metric();
  const Decision decision = scene.sync();
  EXPECT_EQ(decision.desired_replicas, 1);
  EXPECT_FALSE(decision.metric);
  EXPECT_EQ(
      decision.error,
      "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric "
      "value: failed to get "
      "cpu utilization: "
      "unable to get metrics for resource cpu: no metrics returned from resource metrics API");
  EXPECT_EQ(decision.because, "no scaling: " + *decision.error);
  EXPECT_EQ(reason_of(decision, "ScalingActive"), "not FailedGetResourceMetric");
  EXPECT_EQ(reason_of(decision, "AbleToScale"), "SucceededGetScale");
  // Nothing is remembered of it but the first sync.
  EXPECT_EQ(scene.history.recommendations.size(), 1u);
}

TEST(Decide, SomeMetricsInvalidLeavesScalingUpOnly) {
  Scene scene;
  scene.hpa.metrics = {external_metric(), utilization_metric("cpu", 50)};
  scene.history.recommendations = {{noon() - seconds(1000), 1}};
  const Decision up = scene.sync_at(2, 1000);
  EXPECT_EQ(up.desired_replicas, 4);
  EXPECT_EQ(
      up.error,
      "invalid metrics (1 invalid out of 2), first error is: failed to get queue external metric "
      "value: unable to get metric queue: "
      "metrics of type External have no source here; only resource metrics are evaluated");
  EXPECT_EQ(reason_of(up, "ScalingActive"), "ValidMetricFound");
  const Decision same = scene.sync_at(2, 500);
  EXPECT_EQ(reason_of(same, "ScalingActive"), "ValidMetricFound");
  const Decision down = scene.sync_at(2, 100);
  EXPECT_EQ(down.desired_replicas, 2);
  EXPECT_FALSE(down.metric);
  EXPECT_EQ(reason_of(down, "ScalingActive"), "not FailedGetExternalMetric");
}

TEST(Decide, EachTypeOfMetricHasItsReason) {
  const auto reason = [](kube::MetricType type) {
    Scene scene;
    scene.add_without_metric();
    scene.hpa.metrics[0].type = type;
    return reason_of(scene.sync(), "ScalingActive");
  };
  EXPECT_EQ(reason(kube::MetricType::kContainerResource), "not FailedGetContainerResourceMetric");
  EXPECT_EQ(reason(kube::MetricType::kPods), "not FailedGetPodsMetric");
  EXPECT_EQ(reason(kube::MetricType::kObject), "not FailedGetObjectMetric");
}

TEST(Decide, TheSentenceHasTheFigures) {
  Scene scene;
  scene.hpa.metrics = {utilization_metric("cpu", 60)};
  scene.hpa.max_replicas = 3;
  EXPECT_EQ(scene.sync_at(1, 4980).because,
            "cpu at 498 % of requests against a target of 60 %: 1 × 8.30 → 9, limited to 3 by "
            "maxReplicas");
  EXPECT_EQ(scene.sync_at(3, 620).because,
            "cpu at 62 % of requests against a target of 60 %: ratio 1.03 is within 0.90 to 1.10, "
            "so 3 stays, held at 9 by recent recommendations, limited to 3 by maxReplicas");
  scene.history = {};
  const Decision within = scene.sync_at(3, 620);
  EXPECT_EQ(within.because,
            "cpu at 62 % of requests against a target of 60 %: ratio 1.03 is within 0.90 to 1.10, "
            "so 3 stays");
  EXPECT_EQ(within.limited_by, Limit::kTolerance);
  scene.now += seconds(400);
  EXPECT_EQ(scene.sync_at(3, 100).because,
            "cpu at 10 % of requests against a target of 60 %: 3 × 0.17 → 1");
  scene.hpa.max_replicas = 100;
  scene.add_unready(0).metadata.name = "late";
  scene.metrics.back().metadata.name = "late";
  scene.add_without_metric();
  for (auto& one : scene.metrics) one.containers[0].usage["cpu"] = kube::Quantity::from_value(2);
  EXPECT_EQ(scene.sync().because,
            "cpu at 200 % of requests against a target of 60 %: 5 × 2.00 with 1 missing pod taken "
            "as idle and 1 unready pod taken as idle → 10");
  scene.hpa.metrics = {value_metric("memory", 50LL * 1024 * 1024 * 1000)};
  scene.pods.resize(1);
  scene.current = 1;
  scene.metrics = {usage("p0", 75LL * 1024 * 1024 * 1000, "memory")};
  scene.history = {};
  EXPECT_EQ(scene.sync().because,
            "memory at 75.0Mi a pod against a target of 50.0Mi: 1 × 1.50 → 2");
}

TEST(Decide, HoursOfSyncsKeepTheMemorySmall) {
  Scene scene;
  scene.hpa.behavior.emplace();
  scene.hpa.max_replicas = 10;
  std::int32_t replicas = 1;
  for (int i = 0; i < 1000; ++i) {
    scene.now += seconds(15);
    replicas = scene.sync_at(replicas, i / 50 % 2 == 0 ? 900 : 100).desired_replicas;
  }
  // A window of 300 s holds 21 syncs of 15 s, and the first sync remembers two.
  EXPECT_LE(scene.history.recommendations.size(), 22u);
  EXPECT_LE(scene.history.scale_up_events.size() + scene.history.scale_down_events.size(), 4u);
}

}  // namespace
}  // namespace iris::scale::hpa
