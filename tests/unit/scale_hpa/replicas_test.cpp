// Rules 4 to 9: from usage to a proposal.
#include "scale/hpa/replicas.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "scene.hpp"

namespace iris::scale::hpa {
namespace {

Proposal propose_first(const Scene& scene) {
  return propose(scene.hpa.metrics.front(), scene.seen(), scene.config);
}

MetricReading reading(const Scene& scene) {
  const Proposal proposal = propose_first(scene);
  EXPECT_TRUE(proposal.reading) << proposal.reading.error().message;
  return proposal.reading.value_or(MetricReading{});
}

std::string error(const Scene& scene) {
  const Proposal proposal = propose_first(scene);
  return proposal.reading ? "no error" : proposal.reading.error().message;
}

Scene scene_of(std::initializer_list<std::int64_t> usages_milli, std::int32_t target = 50) {
  Scene scene;
  scene.hpa.metrics = {utilization_metric("cpu", target)};
  for (const auto milli : usages_milli) scene.add(milli);
  return scene;
}

TEST(Proposal, IsTheRatioTimesTheReadyPodsRoundedUp) {
  const auto up = reading(scene_of({300, 500, 700}, 30));
  EXPECT_EQ(up.utilization_percent, 50);
  EXPECT_EQ(up.average_milli, 500);
  EXPECT_EQ(up.proposed_replicas, 5);
  EXPECT_EQ(up.counted_pods, 3);
  EXPECT_FALSE(up.filled_ratio);
  const auto down = reading(scene_of({100, 300, 500, 250, 250}, 50));
  EXPECT_EQ(down.utilization_percent, 28);
  EXPECT_EQ(down.proposed_replicas, 3);
}

TEST(Proposal, UsageIsARatioOfSumsNotAMeanOfRatios) {
  Scene scene = scene_of({900, 100});
  scene.pods[0].spec.containers[0].resources.requests["cpu"] = kube::Quantity::from_milli(3000);
  // 1000 of 4000, where the mean of 30 % and 10 % would be 20 %.
  EXPECT_EQ(reading(scene).utilization_percent, 25);
}

TEST(Proposal, UtilizationIsTruncatedBeforeTheRatio) {
  // 1999 of 3000 is 66.6 %; as 66 it asks for 2 × 0.99 → 3 pods (kept), not for more.
  const auto truncated = reading(scene_of({999, 500, 500}, 66));
  EXPECT_EQ(truncated.utilization_percent, 66);
  EXPECT_EQ(truncated.ratio, 1.0);
  EXPECT_EQ(truncated.basis, Basis::kTolerance);
  // 608 of 1000 against 40: 60/40 = 1.5 of two pods is 3; 60.8/40 would be 4.
  EXPECT_EQ(reading(scene_of({608, 608}, 40)).proposed_replicas, 3);
}

TEST(Proposal, TheToleranceIncludesItsEdges) {
  const auto at = [](std::int64_t milli, std::int32_t target) {
    return reading(scene_of({milli, milli, milli}, target));
  };
  EXPECT_EQ(at(550, 50).basis, Basis::kTolerance);  // 55 / 50 == 1.1
  EXPECT_EQ(at(550, 50).proposed_replicas, 3);
  EXPECT_EQ(at(560, 50).basis, Basis::kRatio);
  EXPECT_EQ(at(560, 50).proposed_replicas, 4);
  EXPECT_EQ(at(450, 50).basis, Basis::kTolerance);  // 45 / 50 == 0.9
  EXPECT_EQ(at(440, 50).basis, Basis::kRatio);
  EXPECT_EQ(at(440, 50).proposed_replicas, 3);  // ceil(2.64)
}

TEST(Proposal, BehaviorOverridesTheTolerancePerDirection) {
  Scene scene = scene_of({520, 520, 520});
  EXPECT_EQ(reading(scene).basis, Basis::kTolerance);
  scene.hpa.behavior.emplace();
  scene.hpa.behavior->scale_up.tolerance = 0.03;
  EXPECT_EQ(reading(scene).proposed_replicas, 4);
  scene.hpa.behavior->scale_up.tolerance.reset();
  scene.hpa.behavior->scale_down.tolerance = 0.0;
  EXPECT_EQ(reading(scene).basis, Basis::kTolerance);
  for (auto& one : scene.metrics) one.containers[0].usage["cpu"] = kube::Quantity::from_milli(490);
  EXPECT_EQ(reading(scene).basis, Basis::kRatio);
}

TEST(Proposal, ItCountsReadyPodsNotReplicas) {
  Scene scene = scene_of({700, 700});
  scene.current = 10;
  EXPECT_EQ(reading(scene).proposed_replicas, 3);
}

TEST(Proposal, MissingPodsCountAsFullOnTheWayDown) {
  // 100 % of the request for the missing: 20, 20, 100 → 46 % of 50: within tolerance.
  Scene scene = scene_of({200, 200});
  scene.add_without_metric();
  const auto held = reading(scene);
  EXPECT_EQ(held.ratio, 0.4);
  EXPECT_EQ(held.filled_ratio, 46.0 / 50.0);
  EXPECT_EQ(held.basis, Basis::kTolerance);
  EXPECT_EQ(held.proposed_replicas, 3);
  EXPECT_EQ(held.utilization_percent, 20);  // what was measured, not what was assumed
  // 10, 10, 10, 100 → 32 %: down, of four pods.
  Scene down = scene_of({100, 100, 100});
  down.add_without_metric();
  EXPECT_EQ(reading(down).proposed_replicas, 3);
  EXPECT_EQ(reading(down).counted_pods, 4);
}

TEST(Proposal, AMissingPodCountsAsTheTargetWhenThatIsAboveTheRequest) {
  // Against 200 % the missing pod counts as 2000: (1000 + 1000 + 2000) / 3000 = 133 %.
  Scene scene = scene_of({1000, 1000}, 200);
  scene.add_without_metric();
  EXPECT_EQ(reading(scene).filled_ratio, 133.0 / 200.0);
  EXPECT_EQ(reading(scene).proposed_replicas, 2);
}

TEST(Proposal, MissingPodsCountAsIdleOnTheWayUp) {
  Scene scene = scene_of({1000, 1000});
  scene.add_without_metric();
  // 2000 of 3000 is 66 %: 3 × 1.32 → 4, where the two alone would ask for 2 × 2 = 4 of 2.
  EXPECT_EQ(reading(scene).ratio, 2.0);
  EXPECT_EQ(reading(scene).filled_ratio, 66.0 / 50.0);
  EXPECT_EQ(reading(scene).proposed_replicas, 4);
}

TEST(Proposal, ADirectionThatWouldTurnIsNotFollowed) {
  Scene up = scene_of({600});
  up.add_without_metric();
  EXPECT_EQ(reading(up).filled_ratio, 30.0 / 50.0);
  EXPECT_EQ(reading(up).basis, Basis::kTurned);
  EXPECT_EQ(reading(up).proposed_replicas, 2);
  Scene down = scene_of({400});
  down.add_without_metric();
  EXPECT_EQ(reading(down).filled_ratio, 70.0 / 50.0);
  EXPECT_EQ(reading(down).basis, Basis::kTurned);
  EXPECT_EQ(reading(down).proposed_replicas, 2);
}

TEST(Proposal, ACountAgainstTheDirectionIsNotFollowed) {
  // More pods listed than replicas: 5 × 0.88 → 5 would be up from 3, at a ratio below 1.
  Scene down = scene_of({300, 300, 300, 300});
  down.add_without_metric();
  down.current = 3;
  EXPECT_LT(*reading(down).filled_ratio, 0.9);
  EXPECT_EQ(reading(down).basis, Basis::kTurned);
  EXPECT_EQ(reading(down).proposed_replicas, 3);
  // And the other way round: 3 × 1.33 → 4 while 9 are wanted.
  Scene up = scene_of({1000, 1000});
  up.add_without_metric();
  up.current = 9;
  EXPECT_EQ(reading(up).basis, Basis::kTurned);
  EXPECT_EQ(reading(up).proposed_replicas, 9);
}

TEST(Proposal, UnreadyPodsCountAsIdleOnTheWayUpOnly) {
  Scene up = scene_of({900, 900});
  up.add_unready(1000);
  // 1800 of 3000: 60 / 50 = 1.2 of three.
  EXPECT_EQ(reading(up).ratio, 1.8);
  EXPECT_EQ(reading(up).filled_ratio, 1.2);
  EXPECT_EQ(reading(up).proposed_replicas, 4);
  EXPECT_EQ(propose_first(up).pods.unready, std::vector<std::string>{"p2"});
  Scene down = scene_of({200, 200});
  down.add_unready(1000);
  EXPECT_FALSE(reading(down).filled_ratio);
  EXPECT_EQ(reading(down).counted_pods, 2);
  EXPECT_EQ(reading(down).proposed_replicas, 1);
}

TEST(Proposal, AnUnreadyPodThatAbsorbsTheLoadStopsAScaleUp) {
  Scene scene = scene_of({540, 540, 700});
  scene.add_unready(100);
  // 59 % alone; 44 % with the one that is starting.
  EXPECT_EQ(reading(scene).basis, Basis::kTurned);
  EXPECT_EQ(reading(scene).proposed_replicas, 4);
}

TEST(Proposal, IgnoredPodsCountNowhere) {
  Scene scene = scene_of({800, 800});
  scene.add(1000).metadata.deletion_timestamp = noon();
  scene.add(1000).status.phase = kube::PodPhase::kFailed;
  EXPECT_EQ(reading(scene).ratio, 1.6);
  EXPECT_EQ(reading(scene).proposed_replicas, 4);
  EXPECT_EQ(propose_first(scene).pods.ignored, (std::vector<std::string>{"p2", "p3"}));
}

TEST(Proposal, MissingAndUnreadyTogether) {
  Scene scene = scene_of({1000, 1000, 1000});
  scene.add_without_metric();
  scene.add_unready(1000);
  // 3000 of 5000: 60 / 50.
  EXPECT_EQ(reading(scene).filled_ratio, 1.2);
  EXPECT_EQ(reading(scene).counted_pods, 5);
  EXPECT_EQ(reading(scene).proposed_replicas, 6);
}

TEST(Proposal, AtARatioOfOneMissingPodsAreLeftOutOfUtilization) {
  Scene scene = scene_of({500});
  scene.add_without_metric();
  EXPECT_EQ(reading(scene).filled_ratio, 1.0);
  EXPECT_EQ(reading(scene).basis, Basis::kTolerance);
}

TEST(Proposal, MetricsOfPodsThatAreNotListedCountAsEntriesOnly) {
  Scene scene = scene_of({1000, 1000});
  scene.metrics.push_back(usage("stranger", 9000));
  EXPECT_EQ(reading(scene).utilization_percent, 100);
  EXPECT_EQ(reading(scene).proposed_replicas, 4);
}

TEST(Proposal, AverageValueIsTheTruncatedMean) {
  Scene scene = scene_of({10, 11});
  scene.hpa.metrics = {value_metric("cpu", 5)};
  const auto raw = reading(scene);
  EXPECT_FALSE(raw.utilization_percent);
  EXPECT_EQ(raw.average_milli, 10);
  EXPECT_EQ(raw.ratio, 2.0);
  EXPECT_EQ(raw.proposed_replicas, 4);
  EXPECT_EQ(raw.target_milli, 5);
}

TEST(Proposal, AverageValueNeedsNoRequests) {
  Scene scene = scene_of({400});
  scene.pods[0].spec.containers[0].resources.requests.clear();
  EXPECT_EQ(error(scene),
            "failed to get cpu utilization: missing request for cpu in container main of Pod p0");
  scene.hpa.metrics = {value_metric("cpu", 200)};
  EXPECT_EQ(reading(scene).proposed_replicas, 2);
}

TEST(Proposal, AverageValueFillsMissingPodsWithTheTargetOrNothing) {
  Scene down = scene_of({20, 20});
  down.add_without_metric();
  down.hpa.metrics = {value_metric("cpu", 100)};
  // (20 + 20 + 100) / 3 = 46.
  EXPECT_EQ(reading(down).filled_ratio, 0.46);
  EXPECT_EQ(reading(down).proposed_replicas, 2);
  // 450 of three pods, 100 each: 3 × 1.5.
  Scene up = scene_of({225, 225});
  up.add_without_metric();
  up.hpa.metrics = {value_metric("cpu", 100)};
  EXPECT_EQ(reading(up).filled_ratio, 1.5);
  EXPECT_EQ(reading(up).proposed_replicas, 5);
  // At exactly 1 nothing speaks for a change, and the missing ones are left out.
  Scene even = scene_of({100, 100});
  even.add_without_metric();
  even.add_without_metric();
  even.hpa.metrics = {value_metric("cpu", 100)};
  EXPECT_EQ(reading(even).ratio, 1.0);
  EXPECT_EQ(reading(even).filled_ratio, 1.0);
  EXPECT_EQ(reading(even).basis, Basis::kTolerance);
  EXPECT_EQ(reading(even).proposed_replicas, 4);
}

TEST(Proposal, MemoryTakesEveryPodWithAMetric) {
  Scene scene;
  scene.hpa.metrics = {utilization_metric("memory", 50)};
  for (int i = 0; i < 2; ++i) {
    scene.add_unready(0);
    scene.metrics.back() = usage("p" + std::to_string(i), 1'000'000, "memory");
  }
  EXPECT_EQ(reading(scene).utilization_percent, 100);
  EXPECT_EQ(reading(scene).proposed_replicas, 4);
}

TEST(Proposal, AContainerAlone) {
  Scene scene = scene_of({100});
  kube::Container side;
  side.name = "side";
  side.resources.requests["cpu"] = kube::Quantity::from_milli(100);
  scene.pods[0].spec.containers.push_back(side);
  scene.metrics[0].containers.push_back({"side", {{"cpu", kube::Quantity::from_milli(150)}}});
  auto metric = utilization_metric("cpu", 50);
  metric.type = kube::MetricType::kContainerResource;
  metric.container = "side";
  scene.hpa.metrics = {metric};
  EXPECT_EQ(reading(scene).utilization_percent, 150);
  EXPECT_EQ(reading(scene).container, "side");
  EXPECT_EQ(reading(scene).proposed_replicas, 3);
}

TEST(Proposal, APodWhoseMetricsLackTheContainerIsMissingAndTheOthersScale) {
  // p2's container crashes: its metrics have the sidecar alone.
  Scene scene = scene_of({200, 200, 5});
  scene.metrics[2].containers[0].name = "side";
  auto metric = utilization_metric("cpu", 10);
  metric.type = kube::MetricType::kContainerResource;
  metric.container = "main";
  scene.hpa.metrics = {metric};
  EXPECT_EQ(propose_first(scene).pods.missing, std::vector<std::string>{"p2"});
  // 400 of 3000 with the missing one idle: 13 / 10 of three.
  EXPECT_EQ(reading(scene).ratio, 2.0);
  EXPECT_EQ(reading(scene).filled_ratio, 1.3);
  EXPECT_EQ(reading(scene).proposed_replicas, 4);
  // On the way down it counts as full: (200 + 200 + 1000) of 3000 against 50.
  scene.hpa.metrics[0].target.average_utilization = 50;
  EXPECT_EQ(reading(scene).filled_ratio, 46.0 / 50.0);
  EXPECT_EQ(reading(scene).proposed_replicas, 3);
  // With a target value, as the target: (200 + 200 + 800) / 3 of 800.
  scene.hpa.metrics[0].target.average_utilization.reset();
  scene.hpa.metrics[0].target.average_value = kube::Quantity::from_milli(800);
  EXPECT_EQ(reading(scene).filled_ratio, 0.5);
  EXPECT_EQ(reading(scene).proposed_replicas, 2);
}

TEST(Proposal, AContainerThatNoPodsMetricsHaveIsNoMetricAtAll) {
  Scene scene = scene_of({200});
  scene.metrics[0].containers[0].name = "side";
  auto metric = utilization_metric("cpu", 50);
  metric.type = kube::MetricType::kContainerResource;
  metric.container = "main";
  scene.hpa.metrics = {metric};
  EXPECT_EQ(error(scene),
            "failed to get cpu utilization: did not receive metrics for targeted pods (pods might "
            "be unready)");
}

TEST(Proposal, AContainerThatAPodsSpecLacksIsAnErrorAsFrom135) {
  Scene scene = scene_of({200, 200});
  scene.pods[1].spec.containers[0].name = "other";
  auto metric = utilization_metric("cpu", 50);
  metric.type = kube::MetricType::kContainerResource;
  metric.container = "main";
  scene.hpa.metrics = {metric};
  EXPECT_EQ(error(scene), "failed to get cpu utilization: container main not found in Pod p1");
}

TEST(Proposal, WithoutUsableMetricsThereIsNone) {
  Scene none;
  none.add_without_metric();
  EXPECT_EQ(error(none),
            "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics "
            "returned from resource metrics API");
  Scene unready;
  unready.add_unready(1000);
  EXPECT_EQ(error(unready),
            "failed to get cpu utilization: did not receive metrics for targeted pods (pods might "
            "be unready)");
  EXPECT_EQ(propose_first(unready).pods.unready, std::vector<std::string>{"p0"});
  Scene empty;
  empty.metrics = {usage("gone", 10)};
  EXPECT_EQ(error(empty),
            "failed to get cpu utilization: no pods returned by selector while calculating replica "
            "count");
  Scene stranger = scene_of({});
  stranger.add_without_metric();
  stranger.metrics = {usage("gone", 10)};
  EXPECT_EQ(error(stranger),
            "failed to get cpu utilization: no metrics returned matched known pods");
}

TEST(Proposal, MetricsWithoutASourceHereSaySo) {
  Scene scene = scene_of({100});
  scene.hpa.metrics[0].type = kube::MetricType::kExternal;
  scene.hpa.metrics[0].name = "queue";
  EXPECT_EQ(error(scene),
            "unable to get metric queue: metrics of type External have no source here; only "
            "resource metrics are evaluated");
}

TEST(Proposal, HugeFiguresStopAtTheEnds) {
  Scene scene = scene_of(
      {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max()});
  EXPECT_EQ(reading(scene).utilization_percent, std::numeric_limits<std::int32_t>::max());
  EXPECT_EQ(reading(scene).proposed_replicas, 85'899'346);
  scene.hpa.metrics = {value_metric("cpu", 1)};
  EXPECT_EQ(reading(scene).proposed_replicas, std::numeric_limits<std::int32_t>::max());
}

}  // namespace
}  // namespace iris::scale::hpa
