#include "scale/cluster/hpa_tick.hpp"

#include <gtest/gtest.h>

namespace iris::scale::cluster {
namespace {

Snapshot seen(std::int32_t current, std::int32_t desired, std::optional<std::int32_t> utilization,
              std::vector<kube::StatusCondition> conditions) {
  Snapshot snapshot;
  snapshot.hpa = kube::HpaStatus{current, desired, utilization, std::move(conditions)};
  return snapshot;
}

TEST(HpaTick, SaysWhatWasProposedAndWhatKeptIt) {
  const auto tick =
      hpa_tick(seen(1, 3, 300,
                    {{"ScalingActive", "True", "ValidMetricFound", "computed"},
                     {"ScalingLimited", "True", "TooManyReplicas", "more than the maximum"}}),
               60);
  EXPECT_EQ(tick["proposed"], 5);
  EXPECT_EQ(tick["ratio"], 5.0);
  EXPECT_EQ(tick["limited_by"], "maxReplicas");
  EXPECT_EQ(tick["because"], "more than the maximum");
  EXPECT_TRUE(tick["error"].is_null());
  EXPECT_TRUE(tick["stabilized"].is_null());
}

TEST(HpaTick, NamesEachLimit) {
  const auto limit = [](std::int32_t current, std::int32_t desired, std::int32_t utilization,
                        kube::StatusCondition condition) {
    return hpa_tick(seen(current, desired, utilization, {std::move(condition)}), 60)["limited_by"];
  };
  EXPECT_EQ(limit(1, 1, 1, {"ScalingLimited", "False", "DesiredWithinRange", ""}), nullptr);
  EXPECT_EQ(limit(3, 2, 1, {"ScalingLimited", "True", "TooFewReplicas", ""}), "minReplicas");
  EXPECT_EQ(limit(1, 4, 600, {"ScalingLimited", "True", "ScaleUpLimit", ""}), "policy");
  EXPECT_EQ(limit(3, 3, 10, {"AbleToScale", "True", "ScaleDownStabilized", ""}), "stabilization");
  EXPECT_EQ(limit(3, 3, 62, {"AbleToScale", "True", "ReadyForNewScale", ""}), "tolerance");
}

TEST(HpaTick, WithoutAMetricHasNoFiguresButAnError) {
  const auto tick =
      hpa_tick(seen(1, 0, std::nullopt,
                    {{"ScalingActive", "False", "FailedGetResourceMetric", "no metrics"}}),
               60);
  EXPECT_TRUE(tick["utilization_percent"].is_null());
  EXPECT_TRUE(tick["proposed"].is_null());
  EXPECT_TRUE(tick["limited_by"].is_null());
  EXPECT_EQ(tick["error"], "no metrics");
}

TEST(HpaTick, ClassesThePods) {
  auto snapshot = seen(1, 1, 10, {});
  kube::PodDetail pod;
  pod.name = "ready";
  pod.ready = true;
  snapshot.replicas.push_back(pod);
  snapshot.measured.insert("ready");
  pod.name = "missing";
  snapshot.replicas.push_back(pod);
  pod.name = "unready";
  pod.ready = false;
  snapshot.replicas.push_back(pod);
  pod.name = "ignored";
  pod.deleting = true;
  snapshot.replicas.push_back(pod);
  const auto pods = hpa_tick(snapshot, 60)["pods"];
  for (const char* name : {"ready", "missing", "unready", "ignored"}) {
    EXPECT_EQ(pods[name], Record::array({name})) << name;
  }
}

TEST(HpaTick, IsNewsWhenTheStatusChanged) {
  const auto a = *seen(1, 1, 10, {{"AbleToScale", "True", "R", "m"}}).hpa;
  auto b = a;
  EXPECT_TRUE(same_status(a, b));
  b.conditions[0].reason = "S";
  EXPECT_FALSE(same_status(a, b));
  b = a;
  b.cpu_utilization_percent = 11;
  EXPECT_FALSE(same_status(a, b));
}

}  // namespace
}  // namespace iris::scale::cluster
