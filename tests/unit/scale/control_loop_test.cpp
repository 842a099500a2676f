#include "scale/control_loop.hpp"

#include <gtest/gtest.h>

namespace iris::scale {
namespace {

using namespace std::chrono_literals;

// Pods that all use as much CPU as they are told to.
class FakeTarget final : public Target {
 public:
  explicit FakeTarget(const ScaledClock& time) : time_(time) {}

  Result<Observed> observe() override {
    Observed observed;
    observed.replicas = replicas;
    for (int i = 0; i < replicas; ++i) {
      kube::Pod pod;
      pod.metadata.name = fmt::format("p{}", i);
      kube::Container container;
      container.name = "c";
      container.resources.requests["cpu"] = kube::Quantity::from_milli(100);
      pod.spec.containers.push_back(container);
      pod.status.phase = kube::PodPhase::kRunning;
      pod.status.start_time = time_.now() - 1h;
      pod.status.conditions.push_back({"Ready", kube::ConditionStatus::kTrue, time_.now() - 1h});
      observed.pods.push_back(pod);
      kube::PodMetrics metrics;
      metrics.metadata.name = pod.metadata.name;
      metrics.timestamp = time_.now();
      metrics.window = 15s;
      metrics.containers.push_back({"c", {{"cpu", kube::Quantity::from_milli(usage_milli)}}});
      observed.metrics.push_back(metrics);
    }
    ++observations;
    return observed;
  }
  Result<void> set_replicas(std::int32_t wanted) override {
    replicas = wanted;
    return {};
  }

  std::int32_t replicas = 1;
  std::int64_t usage_milli = 180;
  int observations = 0;

 private:
  const ScaledClock& time_;
};

kube::HorizontalPodAutoscaler autoscaler() {
  kube::HorizontalPodAutoscaler hpa;
  hpa.max_replicas = 5;
  kube::MetricSpec metric;
  metric.name = "cpu";
  metric.target.average_utilization = 60;
  hpa.metrics.push_back(metric);
  return hpa;
}

TEST(ScaledClock, RunsAheadOfTheRealOneByItsFactor) {
  ManualClock clock;
  const ScaledClock time(clock, 10);
  const auto start = time.now();
  clock.advance(1500ms);
  EXPECT_EQ(time.now() - start, 15s);
  EXPECT_EQ(time.real(15s), 1500ms);
  EXPECT_EQ(time.at(clock.steady()) - start, 15s);
}

TEST(ControlLoop, SyncsEachPeriodOfItsOwnTime) {
  ManualClock clock;
  const ScaledClock time(clock, 10);
  FakeTarget target(time);
  ControlLoop loop(autoscaler(), {}, time, target);
  EXPECT_TRUE(*loop.sync_if_due());
  EXPECT_FALSE(*loop.sync_if_due());
  clock.advance(1400ms);
  EXPECT_FALSE(*loop.sync_if_due());
  clock.advance(200ms);
  EXPECT_TRUE(*loop.sync_if_due());
  // Late by more than two periods: one sync, and then the schedule again.
  clock.advance(4s);
  EXPECT_TRUE(*loop.sync_if_due());
  EXPECT_FALSE(*loop.sync_if_due());
  EXPECT_EQ(target.observations, 3);
}

TEST(ControlLoop, ScalesTheTargetUpAndAfterTheWindowDown) {
  ManualClock clock;
  const ScaledClock time(clock, 10);
  FakeTarget target(time);
  ControlLoop loop(autoscaler(), {}, time, target);
  const auto tick = loop.sync_if_due();
  ASSERT_TRUE(tick && *tick);
  EXPECT_EQ((**tick).decision.desired_replicas, 3);
  EXPECT_EQ(target.replicas, 3);

  target.usage_milli = 10;
  // 300 s of stabilization are 30 s here.
  for (int i = 0; i < 19; ++i) {
    clock.advance(1500ms);
    ASSERT_TRUE(loop.sync_if_due());
  }
  EXPECT_EQ(target.replicas, 3);
  for (int i = 0; i < 3; ++i) {
    clock.advance(1500ms);
    ASSERT_TRUE(loop.sync_if_due());
  }
  EXPECT_EQ(target.replicas, 1);
}

}  // namespace
}  // namespace iris::scale
