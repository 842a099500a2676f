// What holds for every cluster, checked on random ones.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "scene.hpp"

namespace iris::scale::hpa {
namespace {

// rapidcheck prints the counterexample itself; seeds are random, and RC_PARAMS repeats one.
template <class Property>
void for_all(const char* name, Property property) {
  EXPECT_TRUE(rc::check(name, property));
}

template <class T>
T within(T least, T most) {
  // The whole range from the first case on; by itself rapidcheck grows it slowly.
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(least, most + 1));
}

kube::ScalingRules random_rules() {
  kube::ScalingRules rules;
  rules.stabilization_window_seconds = within(0, 400);
  rules.select_policy = *rc::gen::element(kube::SelectPolicy::kMax, kube::SelectPolicy::kMin,
                                          kube::SelectPolicy::kDisabled);
  const int policies = within(1, 3);
  for (int i = 0; i < policies; ++i) {
    rules.policies.push_back(
        {*rc::gen::element(kube::ScalingPolicy::Type::kPods, kube::ScalingPolicy::Type::kPercent),
         within(1, 200), within(1, 120)});
  }
  return rules;
}

Scene random_scene() {
  Scene scene;
  scene.hpa.metrics = {utilization_metric("cpu", within(1, 200))};
  scene.hpa.min_replicas = within(1, 10);
  scene.hpa.max_replicas = scene.hpa.min_replicas + within(0, 30);
  if (*rc::gen::arbitrary<bool>()) {
    scene.hpa.behavior = kube::Behavior{random_rules(), random_rules()};
  }
  const int pods = within(0, 12);
  for (int i = 0; i < pods; ++i) {
    switch (within(0, 5)) {
      case 0:
        scene.add_without_metric();
        break;
      case 1:
        scene.add_unready(within(0, 3000));
        break;
      case 2:
        scene.add(within(0, 3000)).metadata.deletion_timestamp = noon();
        break;
      default:
        scene.add(within(0, 3000));
    }
  }
  scene.current = within(1, 45);
  const int remembered = within(0, 6);
  for (int i = 0; i < remembered; ++i) {
    scene.history.recommendations.push_back({noon() - seconds(within(0, 500)), within(0, 60)});
    scene.history.scale_up_events.push_back({noon() - seconds(within(0, 200)), within(0, 10)});
    scene.history.scale_down_events.push_back({noon() - seconds(within(0, 200)), within(0, 10)});
  }
  return scene;
}

TEST(Property, ADecisionLiesBetweenMinimumAndMaximum) {
  for_all("min <= desired <= max", [] {
    Scene scene = random_scene();
    const Decision decision = scene.sync();
    const bool untouched = decision.desired_replicas == scene.current && decision.error;
    RC_ASSERT(untouched || (decision.desired_replicas >= scene.hpa.min_replicas &&
                            decision.desired_replicas <= scene.hpa.max_replicas));
  });
}

TEST(Property, EveryPodIsInExactlyOneClass) {
  for_all("classes partition", [] {
    Scene scene = random_scene();
    scene.add(within(0, 3000));
    scene.current = std::clamp(scene.current, scene.hpa.min_replicas, scene.hpa.max_replicas);
    const Decision decision = scene.sync();
    std::vector<std::string> names;
    for (const auto* one : {&decision.pods.ready, &decision.pods.unready, &decision.pods.missing,
                            &decision.pods.ignored}) {
      names.insert(names.end(), one->begin(), one->end());
    }
    std::sort(names.begin(), names.end());
    RC_ASSERT(names.size() == scene.pods.size());
    RC_ASSERT(std::adjacent_find(names.begin(), names.end()) == names.end());
  });
}

TEST(Property, MoreUsageNeverMeansFewerReplicas) {
  for_all("monotone in usage", [] {
    Scene less = random_scene();
    less.add(within(0, 3000));
    less.current = std::clamp(less.current, less.hpa.min_replicas, less.hpa.max_replicas);
    Scene more = less;
    for (auto& one : more.metrics) {
      auto& cpu = one.containers[0].usage["cpu"];
      cpu = kube::Quantity::from_milli(cpu.milli() + within(0, 2000));
    }
    const Decision low = less.sync();
    const Decision high = more.sync();
    // To stay is no measure of usage: the current count may be far from the number of pods.
    if (low.metric->basis != Basis::kRatio || high.metric->basis != Basis::kRatio) return;
    RC_ASSERT(low.metric->proposed_replicas <= high.metric->proposed_replicas);
    RC_ASSERT(low.desired_replicas <= high.desired_replicas);
  });
}

TEST(Property, WithinToleranceNothingChanges) {
  for_all("tolerance holds", [] {
    Scene scene;
    const std::int32_t target = within(1, 200);
    scene.hpa.metrics = {utilization_metric("cpu", target)};
    const int pods = within(1, 20);
    const std::int64_t milli = within(0, 2500);
    for (int i = 0; i < pods; ++i) scene.add(milli);
    const double ratio = static_cast<double>(milli / 10) / static_cast<double>(target);
    const bool holds = 0.9 <= ratio && ratio <= 1.1;
    const Decision decision = scene.sync();
    RC_ASSERT((decision.metric->basis == Basis::kTolerance) == holds);
    if (holds) RC_ASSERT(decision.desired_replicas == scene.current);
  });
}

TEST(Property, AWindowThatIsOpenNeverLetsReplicasFall) {
  for_all("stabilization", [] {
    Scene scene;
    std::int32_t replicas = within(1, 20);
    std::int32_t most = 0;
    for (int i = 0; i < 20; ++i) {
      const Decision decision = scene.sync_at(replicas, within(0, 1500));
      RC_ASSERT(decision.desired_replicas >= replicas);
      replicas = decision.desired_replicas;
      most = std::max(most, replicas);
      scene.now += seconds(15);
    }
    RC_ASSERT(replicas == most);
  });
}

TEST(Property, ConditionsAgreeWithTheDecision) {
  for_all("conditions", [] {
    Scene scene = random_scene();
    const std::int32_t current = scene.current;
    const Decision decision = scene.sync();
    const bool rescaled = reason_of(decision, "AbleToScale") == "SucceededRescale";
    RC_ASSERT(rescaled == (decision.desired_replicas != current));
    RC_ASSERT(!decision.because.empty());
    if (decision.stabilized) {
      const bool limited = reason_of(decision, "ScalingLimited").substr(0, 4) != "not ";
      RC_ASSERT(limited == (decision.desired_replicas != *decision.stabilized));
    }
  });
}

TEST(Property, TheSameQuestionHasTheSameAnswer) {
  for_all("pure", [] {
    Scene scene = random_scene();
    Scene again = scene;
    RC_ASSERT(scene.sync().because == again.sync().because);
    RC_ASSERT(scene.history.recommendations.size() == again.history.recommendations.size());
  });
}

}  // namespace
}  // namespace iris::scale::hpa
