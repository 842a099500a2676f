// Upstream's own table: the resource cases of Kubernetes 1.34's replica_calculator_test.go, under
// their names. Pods have two containers of one CPU each, unless `requests_milli` says otherwise.
#include <gtest/gtest.h>

#include "scale/hpa/replicas.hpp"
#include "scene.hpp"

namespace iris::scale::hpa {
namespace {

using Levels = std::vector<std::vector<std::int64_t>>;  // by pod and container

Levels both(std::initializer_list<std::int64_t> milli) {
  Levels levels;
  for (const auto one : milli) levels.push_back({one, one});
  return levels;
}

struct Case {
  const char* name;
  std::int32_t current;
  std::int32_t expected;
  std::int32_t target;
  std::int32_t utilization;
  Levels levels;
  // A pod each: ready, Unready, Hot (ready, but its only sample was taken while it was starting),
  // Pending, Failed, Deleted.
  std::string pods;
  const char* container = "";
  std::vector<std::int64_t> requests_milli = {};
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

kube::Pod pod_of(std::size_t index, char state, std::int64_t request_milli) {
  kube::Pod pod = ready_pod("p" + std::to_string(index), request_milli);
  pod.spec.containers[0].name = "container1";
  pod.spec.containers.push_back(pod.spec.containers[0]);
  pod.spec.containers[1].name = "container2";
  if (state != 'r') pod.status.conditions[0].status = kube::ConditionStatus::kFalse;
  pod.status.conditions[0].last_transition_time = *pod.status.start_time;
  if (state == 'H') {
    pod.status.start_time = noon() - seconds(10);
    pod.status.conditions[0] = {"Ready", kube::ConditionStatus::kTrue, noon()};
  }
  if (state == 'P') pod.status.phase = kube::PodPhase::kPending;
  if (state == 'F') pod.status.phase = kube::PodPhase::kFailed;
  if (state == 'D') pod.metadata.deletion_timestamp = noon();
  return pod;
}

Scene scene_of(const Case& one) {
  Scene scene;
  auto metric = utilization_metric("cpu", one.target);
  metric.container = one.container;
  if (!metric.container.empty()) metric.type = kube::MetricType::kContainerResource;
  scene.hpa.metrics = {metric};
  for (std::size_t i = 0; i < one.pods.size(); ++i) {
    const std::int64_t request = i < one.requests_milli.size() ? one.requests_milli[i] : 1000;
    scene.pods.push_back(pod_of(i, one.pods[i], request));
  }
  for (std::size_t i = 0; i < one.levels.size(); ++i) {
    kube::PodMetrics metrics = usage("p" + std::to_string(i), 0);
    metrics.containers.clear();
    for (std::size_t c = 0; c < one.levels[i].size(); ++c) {
      metrics.containers.push_back({"container" + std::to_string(c + 1),
                                    {{"cpu", kube::Quantity::from_milli(one.levels[i][c])}}});
    }
    scene.metrics.push_back(metrics);
  }
  scene.current = one.current;
  return scene;
}

class Upstream : public testing::TestWithParam<Case> {};

TEST_P(Upstream, TheReplicaCalculatorAgrees) {
  const Case& one = GetParam();
  const Scene scene = scene_of(one);
  const Proposal proposal = propose(scene.hpa.metrics.front(), scene.seen(), scene.config);
  ASSERT_TRUE(proposal.reading) << proposal.reading.error().message;
  EXPECT_EQ(proposal.reading->proposed_replicas, one.expected);
  EXPECT_EQ(proposal.reading->utilization_percent, one.utilization);
}

const Levels kSecondOfFive = {{1000, 100}, {1000, 300}, {1000, 500}, {1000, 250}, {1000, 250}};

INSTANTIATE_TEST_SUITE_P(
    ReplicaCalculator, Upstream,
    testing::Values(
        Case{"ScaleUp", 3, 5, 30, 50, both({300, 500, 700}), "rrr"},
        Case{"ContainerScaleUp",
             3,
             5,
             30,
             50,
             {{1000, 300}, {1000, 500}, {1000, 700}},
             "rrr",
             "container2"},
        Case{"ScaleUpUnreadyLessScale", 3, 4, 30, 60, both({300, 500, 700}), "Urr"},
        Case{"ScaleUpHotCpuLessScale", 3, 4, 30, 60, both({300, 500, 700}), "Hrr"},
        Case{"ScaleUpContainerHotCpuLessScale",
             3,
             4,
             30,
             60,
             {{0, 300}, {0, 500}, {0, 700}},
             "Hrr",
             "container2"},
        Case{"ScaleUpUnreadyNoScale", 3, 3, 30, 40, both({400, 500, 700}), "rUU"},
        Case{"ScaleHotCpuNoScale", 3, 3, 30, 40, both({400, 500, 700}), "rHH"},
        Case{"ScaleUpIgnoresFailedPods", 2, 4, 30, 60, both({500, 700}), "rrFF"},
        Case{"MissingContainerMetricScaleUpIgnoresFailedPods",
             2,
             4,
             30,
             60,
             {{1000, 500}, {9000, 700}, {1000}, {9000}},
             "rrFF",
             "container2"},
        Case{"ScaleUpContainerIgnoresFailedPods",
             2,
             4,
             30,
             60,
             {{1000, 500}, {9000, 700}},
             "rrFF",
             "container2"},
        Case{"ScaleUpIgnoresDeletionPods", 2, 4, 30, 60, both({500, 700}), "rrDD"},
        Case{"ScaleDown", 5, 3, 50, 28, both({100, 300, 500, 250, 250}), "rrrrr"},
        Case{"ContainerScaleDown", 5, 3, 50, 28, kSecondOfFive, "rrrrr", "container2"},
        Case{"ScaleDownExcludeUnreadyPods", 5, 2, 50, 30, both({100, 300, 500, 250, 250}), "rrrUU"},
        Case{"ScaleDownContainerExcludeUnreadyPods", 5, 2, 50, 30, kSecondOfFive, "rrrUU",
             "container2"},
        Case{"ScaleDownExcludeUnscheduledPods", 5, 1, 50, 10, both({100}), "rPPPP"},
        Case{"ScaleDownContainerExcludeUnscheduledPods", 5, 1, 50, 10, kSecondOfFive, "rPPPP",
             "container2"},
        Case{"ScaleDownIgnoreHotCpuPods", 5, 2, 50, 30, both({100, 300, 500, 250, 250}), "rrrHH"},
        Case{"ScaleDownContainerIgnoreHotCpuPods",
             5,
             2,
             50,
             30,
             {{1000, 100}, {1000, 300}, {1000, 500}, {1000, 1000}, {1000, 1000}},
             "rrrHH",
             "container2"},
        Case{"ScaleDownIgnoresFailedPods", 5, 3, 50, 28, both({100, 300, 500, 250, 250}),
             "rrrrrFF"},
        Case{"ScaleDownIgnoresDeletionPods", 5, 3, 50, 28, both({100, 300, 500, 250, 250}),
             "rrrrrDD"},
        Case{"ScaleDownIgnoresDeletionPods_StillRunning", 5, 3, 50, 28, kSecondOfFive, "rrrrrDD",
             "container2"},
        Case{"Tolerance", 3, 3, 100, 102, both({1010, 1030, 1020}), "rrr", "", {900, 1000, 1100}},
        Case{"SuperfluousMetrics", 4, 24, 100, 587, both({4000, 9500, 3000, 7000, 3200, 2000}),
             "rrrr"},
        Case{"MissingMetrics", 4, 3, 100, 24, both({400, 95}), "rrrr"},
        Case{"MissingMetricsNoChangeEq", 2, 2, 100, 100, both({1000}), "rr"},
        Case{"MissingMetricsNoChangeGt", 2, 2, 100, 190, both({1900}), "rr"},
        Case{"MissingMetricsNoChangeLt", 2, 2, 100, 60, both({600}), "rr"},
        Case{"MissingMetricsUnreadyChange", 3, 3, 50, 45, both({100, 450}), "Urr"},
        Case{"MissingMetricsHotCpuNoChange", 3, 3, 50, 45, both({100, 450}), "Hrr"},
        Case{"MissingMetricsUnreadyScaleUp", 3, 4, 50, 200, both({100, 2000}), "Urr"},
        Case{"MissingMetricsHotCpuScaleUp", 3, 4, 50, 200, both({100, 2000}), "Hrr"},
        Case{"MissingMetricsUnreadyScaleDown", 4, 3, 50, 10, both({100, 100, 100}), "Urrr"},
        Case{"MissingMetricsScaleDownTargetOver100",
             4,
             2,
             300,
             6,
             both({200, 100, 100}),
             "Urrr",
             "",
             {1000, 1000, 2000, 2000}},
        Case{"DuringRollingUpdateWithMaxSurge", 2, 2, 50, 10, both({100, 100}), "rrr"}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace iris::scale::hpa
