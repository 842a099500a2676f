// Rules 12 to 15: stabilization, rate limits, and their memory.
#include "scale/hpa/behavior.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "scene.hpp"

namespace iris::scale::hpa {
namespace {

using kube::ScalingPolicy;
using kube::SelectPolicy;
using Type = ScalingPolicy::Type;

class NormalizeTest : public testing::Test {
 protected:
  NormalizeTest() { scene_.hpa.max_replicas = 1000; }
  // A step of the controller `after_s` seconds after noon.
  Normalized at(std::int64_t after_s, std::int32_t current, std::int32_t proposed) {
    scene_.now = noon() + seconds(after_s);
    scene_.current = current;
    Normalized normalized = normalize(scene_.seen(), scene_.config, proposed, scene_.history);
    if (normalized.desired != current) {
      remember_scaling(scene_.seen(), normalized.desired, scene_.history);
    }
    return normalized;
  }
  kube::Behavior& behavior() {
    if (!scene_.hpa.behavior) scene_.hpa.behavior.emplace();
    return *scene_.hpa.behavior;
  }
  // No waiting, so that a test sees the rate limits alone.
  void no_windows() {
    behavior().scale_up.stabilization_window_seconds = 0;
    behavior().scale_down.stabilization_window_seconds = 0;
  }
  void up(std::vector<ScalingPolicy> policies, SelectPolicy select = SelectPolicy::kMax) {
    no_windows();
    behavior().scale_up.policies = std::move(policies);
    behavior().scale_up.select_policy = select;
  }
  void down(std::vector<ScalingPolicy> policies, SelectPolicy select = SelectPolicy::kMax) {
    no_windows();
    behavior().scale_down.policies = std::move(policies);
    behavior().scale_down.select_policy = select;
  }

  Scene scene_;
};

TEST_F(NormalizeTest, WithoutBehaviorTheLargestOfFiveMinutesHolds) {
  EXPECT_EQ(at(0, 5, 8).desired, 8);
  const auto held = at(299, 8, 2);
  EXPECT_EQ(held.desired, 8);
  EXPECT_EQ(held.stabilized, 8);
  EXPECT_EQ(held.limited_by, Limit::kStabilization);
  EXPECT_EQ(held.able_to_scale.reason, "ScaleDownStabilized");
  // Exactly a window old still counts; a moment later it does not.
  EXPECT_EQ(at(300, 8, 3).desired, 8);
  EXPECT_EQ(at(301, 8, 2).desired, 3);
}

TEST_F(NormalizeTest, AnOutdatedRecommendationIsReplacedInPlace) {
  at(0, 5, 8);
  at(10, 8, 7);
  at(305, 8, 6);
  ASSERT_EQ(scene_.history.recommendations.size(), 2u);
  EXPECT_EQ(scene_.history.recommendations[0].replicas, 6);
  EXPECT_EQ(scene_.history.recommendations[1].replicas, 7);
}

TEST_F(NormalizeTest, WhatIsRememberedIsTheProposalBeforeLimits) {
  scene_.hpa.max_replicas = 4;
  EXPECT_EQ(at(0, 3, 9).desired, 4);
  EXPECT_EQ(scene_.history.recommendations.at(0).replicas, 9);
}

TEST_F(NormalizeTest, WithoutBehaviorScalingUpIsLimitedToTwiceOrFour) {
  EXPECT_EQ(at(0, 1, 50).desired, 4);
  EXPECT_EQ(at(1, 2, 50).desired, 4);
  const auto doubled = at(2, 5, 50);
  EXPECT_EQ(doubled.desired, 10);
  EXPECT_EQ(doubled.limited_by, Limit::kPolicy);
  EXPECT_TRUE(doubled.scaling_limited.status);
  EXPECT_EQ(doubled.scaling_limited.reason, "ScaleUpLimit");
  scene_.config.scale_up_limit_factor = 3;
  EXPECT_EQ(at(3, 5, 50).desired, 15);
  scene_.config.scale_up_limit_minimum = 20;
  EXPECT_EQ(at(4, 5, 50).desired, 20);
}

TEST_F(NormalizeTest, WithoutBehaviorTheBoundsSayWhichOne) {
  scene_.hpa.min_replicas = 2;
  scene_.hpa.max_replicas = 6;
  const auto most = at(0, 5, 9);
  EXPECT_EQ(most.desired, 6);
  EXPECT_EQ(most.limited_by, Limit::kMaxReplicas);
  EXPECT_EQ(most.scaling_limited.reason, "TooManyReplicas");
  const auto within = at(1000, 5, 6);
  EXPECT_FALSE(within.limited_by);
  EXPECT_EQ(within.scaling_limited.reason, "DesiredWithinRange");
  EXPECT_FALSE(within.scaling_limited.status);
  const auto least = at(2000, 5, 0);
  EXPECT_EQ(least.desired, 2);
  EXPECT_EQ(least.limited_by, Limit::kMinReplicas);
  EXPECT_EQ(least.scaling_limited.reason, "TooFewReplicas");
}

TEST_F(NormalizeTest, WithoutBehaviorNoEventsAreKept) {
  at(0, 5, 8);
  EXPECT_TRUE(scene_.history.scale_up_events.empty());
}

TEST_F(NormalizeTest, ADefaultBehaviorDoublesOrAddsFourEveryQuarterMinute) {
  behavior();
  EXPECT_EQ(at(0, 1, 100).desired, 5);
  EXPECT_EQ(at(1, 5, 100).desired, 5);  // four were added a second ago
  EXPECT_EQ(at(15, 5, 100).desired, 10);
  EXPECT_EQ(at(30, 10, 100).desired, 20);
}

TEST_F(NormalizeTest, ADefaultBehaviorScalesDownAfterTheControllersWindow) {
  behavior();
  EXPECT_EQ(at(0, 10, 10).desired, 10);
  const auto held = at(299, 10, 1);
  EXPECT_EQ(held.desired, 10);
  EXPECT_EQ(held.able_to_scale.reason, "ScaleDownStabilized");
  // Here a recommendation exactly a window old no longer counts.
  EXPECT_EQ(at(300, 10, 1).desired, 1);
  scene_.history = {};
  scene_.config.downscale_stabilization = seconds(60);
  EXPECT_EQ(at(1000, 10, 10).desired, 10);
  EXPECT_EQ(at(1059, 10, 1).desired, 10);
  EXPECT_EQ(at(1060, 10, 1).desired, 1);
}

TEST_F(NormalizeTest, AnUpWindowTakesTheSmallestRecommendation) {
  behavior().scale_up.stabilization_window_seconds = 60;
  EXPECT_EQ(at(0, 5, 5).desired, 5);
  const auto held = at(30, 5, 9);
  EXPECT_EQ(held.desired, 5);
  EXPECT_EQ(held.limited_by, Limit::kStabilization);
  EXPECT_EQ(held.able_to_scale.reason, "ScaleUpStabilized");
  EXPECT_EQ(at(60, 5, 8).desired, 8);
}

TEST_F(NormalizeTest, BothWindowsLeaveTheCurrentCountBetweenThem) {
  behavior().scale_up.stabilization_window_seconds = 100;
  behavior().scale_down.stabilization_window_seconds = 100;
  at(0, 10, 4);
  at(10, 10, 16);
  EXPECT_EQ(at(20, 10, 12).stabilized, 10);
  EXPECT_EQ(at(30, 2, 12).stabilized, 4);    // raised to the least of the window
  EXPECT_EQ(at(40, 20, 12).stabilized, 16);  // lowered to the most of the window
}

TEST_F(NormalizeTest, ARecommendationIsReusedOnlyOutsideBothWindows) {
  behavior().scale_up.stabilization_window_seconds = 10;
  behavior().scale_down.stabilization_window_seconds = 100;
  at(0, 5, 5);
  at(50, 5, 5);
  EXPECT_EQ(scene_.history.recommendations.size(), 2u);
  at(101, 5, 5);
  EXPECT_EQ(scene_.history.recommendations.size(), 2u);
}

TEST_F(NormalizeTest, PodsPolicyCountsWhatItsPeriodSaw) {
  up({{Type::kPods, 3, 60}});
  const auto first = at(0, 10, 100);
  EXPECT_EQ(first.desired, 13);
  EXPECT_EQ(first.scaling_limited.reason, "ScaleUpLimit");
  EXPECT_EQ(first.limited_by, Limit::kPolicy);
  EXPECT_EQ(at(59, 13, 100).desired, 13);
  EXPECT_EQ(at(60, 13, 100).desired, 16);  // the event is exactly a period old: out
}

TEST_F(NormalizeTest, PercentPolicyRoundsUpTheWayUp) {
  up({{Type::kPercent, 10, 60}});
  EXPECT_EQ(at(0, 50, 100).desired, 56);  // ceil(50 · 1.1), and 1.1 is a little more
  EXPECT_EQ(at(1000, 1, 100).desired, 2);
}

TEST_F(NormalizeTest, PercentPolicyTruncatesTheWayDown) {
  down({{Type::kPercent, 80, 60}});
  // 1 − 0.8 is a little less than 0.2, so five leave none; only the minimum stops it.
  EXPECT_EQ(at(0, 5, 0).desired, 1);
  EXPECT_EQ(at(0, 5, 0).limited_by, Limit::kMinReplicas);
  scene_.hpa.min_replicas = 0;
  scene_.history = {};
  EXPECT_EQ(at(1000, 5, 0).desired, 0);
  down({{Type::kPercent, 10, 60}});
  scene_.history = {};
  EXPECT_EQ(at(2000, 15, 1).desired, 13);  // trunc(13.5)
}

TEST_F(NormalizeTest, SelectPolicyTakesTheLargestTheSmallestOrNoChange) {
  const std::vector<ScalingPolicy> policies = {{Type::kPods, 2, 60}, {Type::kPercent, 50, 60}};
  up(policies);
  EXPECT_EQ(at(0, 10, 100).desired, 15);
  scene_.history = {};
  up(policies, SelectPolicy::kMin);
  EXPECT_EQ(at(0, 10, 100).desired, 12);
  scene_.history = {};
  up(policies, SelectPolicy::kDisabled);
  EXPECT_EQ(at(0, 10, 100).desired, 10);
  EXPECT_EQ(at(0, 10, 100).limited_by, Limit::kPolicy);
  scene_.history = {};
  down(policies);
  EXPECT_EQ(at(0, 10, 1).desired, 5);
  scene_.history = {};
  down(policies, SelectPolicy::kMin);
  const auto least = at(0, 10, 1);
  EXPECT_EQ(least.desired, 8);
  EXPECT_EQ(least.scaling_limited.reason, "ScaleDownLimit");
  scene_.history = {};
  down(policies, SelectPolicy::kDisabled);
  EXPECT_EQ(at(0, 10, 1).desired, 10);
}

TEST_F(NormalizeTest, EventsOfTheOtherDirectionCountToo) {
  up({{Type::kPods, 2, 60}});
  down({{Type::kPods, 5, 60}});
  EXPECT_EQ(at(0, 10, 1).desired, 5);
  // Five were removed within the period, so it began with ten: up to twelve.
  EXPECT_EQ(at(10, 5, 100).desired, 12);
  EXPECT_EQ(scene_.history.scale_down_events.at(0).change, 5);
  EXPECT_EQ(scene_.history.scale_up_events.at(0).change, 7);
}

TEST_F(NormalizeTest, AnExhaustedLimitNeverTurnsTheDirection) {
  up({{Type::kPods, 1, 60}});
  scene_.history.scale_up_events = {{noon(), 6}};
  EXPECT_EQ(at(10, 10, 100).desired, 10);  // 10 − 6 + 1 would be down
  down({{Type::kPods, 1, 60}});
  scene_.history = {};
  scene_.history.scale_down_events = {{noon(), 6}};
  EXPECT_EQ(at(10, 10, 1).desired, 10);
}

TEST_F(NormalizeTest, BoundsComeAfterThePolicies) {
  up({{Type::kPods, 50, 60}});
  scene_.hpa.max_replicas = 20;
  const auto most = at(0, 10, 100);
  EXPECT_EQ(most.desired, 20);
  EXPECT_EQ(most.limited_by, Limit::kMaxReplicas);
  EXPECT_EQ(most.scaling_limited.reason, "TooManyReplicas");
  down({{Type::kPods, 50, 60}});
  scene_.hpa.min_replicas = 3;
  scene_.history = {};
  const auto least = at(0, 10, 1);
  EXPECT_EQ(least.desired, 3);
  EXPECT_EQ(least.scaling_limited.reason, "TooFewReplicas");
}

TEST_F(NormalizeTest, OutdatedEventsAreReusedAfterTheLongestPeriod) {
  up({{Type::kPods, 1, 15}, {Type::kPods, 1, 60}});
  at(0, 10, 100);
  at(60, 11, 100);
  EXPECT_EQ(scene_.history.scale_up_events.size(), 2u);  // exactly a period old is kept
  at(121, 12, 100);
  ASSERT_EQ(scene_.history.scale_up_events.size(), 2u);
  EXPECT_EQ(scene_.history.scale_up_events[1].at, noon() + seconds(121));
}

TEST_F(NormalizeTest, HugePoliciesStopAtTheEnds) {
  up({{Type::kPods, std::numeric_limits<std::int32_t>::max(), 60},
      {Type::kPercent, std::numeric_limits<std::int32_t>::max(), 60}});
  EXPECT_EQ(at(0, 10, 100).desired, 100);
  down({{Type::kPods, std::numeric_limits<std::int32_t>::max(), 60}});
  scene_.history = {};
  EXPECT_EQ(at(0, 10, 1).desired, 1);
}

}  // namespace
}  // namespace iris::scale::hpa
