#include "scale/hpa/classify.hpp"

#include <gtest/gtest.h>

#include "scene.hpp"

namespace iris::scale::hpa {
namespace {

using kube::ConditionStatus;
using kube::PodPhase;
using Names = std::vector<std::string>;

class ClassifyTest : public testing::Test {
 protected:
  // "ready", "unready", "missing" or "ignored".
  std::string class_of(const kube::Pod& pod, const std::string& resource = "cpu") {
    const PodClasses classes = classify({pod}, samples_, resource, config_, now_);
    const std::size_t all = classes.ready.size() + classes.unready.size() + classes.missing.size() +
                            classes.ignored.size();
    EXPECT_EQ(all, 1u);
    if (!classes.ready.empty()) return "ready";
    if (!classes.unready.empty()) return "unready";
    if (!classes.missing.empty()) return "missing";
    return "ignored";
  }
  // A pod that started `age` ago and whose readiness changed `changed` ago.
  kube::Pod pod(Nanoseconds age, ConditionStatus ready, Nanoseconds changed) {
    kube::Pod result = ready_pod("a");
    result.status.start_time = now_ - age;
    result.status.conditions[0] = {"Ready", ready, now_ - changed};
    return result;
  }

  const WallTime now_ = noon();
  ControllerConfig config_;  // 300 s of initialization, 30 s until readiness
  Samples samples_{{"a", {now_, seconds(15), 100}}};
};

TEST_F(ClassifyTest, DeletedOrFailedIsIgnoredBeforeAllElse) {
  kube::Pod deleted = ready_pod("a");
  deleted.metadata.deletion_timestamp = now_;
  EXPECT_EQ(class_of(deleted), "ignored");
  deleted.status.phase = PodPhase::kPending;
  EXPECT_EQ(class_of(deleted), "ignored");
  kube::Pod failed = ready_pod("b");
  failed.status.phase = PodPhase::kFailed;
  EXPECT_EQ(class_of(failed), "ignored");
}

TEST_F(ClassifyTest, PendingIsUnreadyEvenWithoutAMetricAndForMemory) {
  kube::Pod pending = ready_pod("b");
  pending.status.phase = PodPhase::kPending;
  EXPECT_EQ(class_of(pending), "unready");
  EXPECT_EQ(class_of(pending, "memory"), "unready");
}

TEST_F(ClassifyTest, WithoutAMetricIsMissingEvenWhenUnready) {
  kube::Pod other = pod(seconds(10), ConditionStatus::kFalse, seconds(10));
  other.metadata.name = "b";
  EXPECT_EQ(class_of(other), "missing");
  EXPECT_EQ(class_of(other, "memory"), "missing");
}

TEST_F(ClassifyTest, ReadinessCountsForCpuOnly) {
  EXPECT_EQ(class_of(pod(seconds(10), ConditionStatus::kFalse, seconds(10))), "unready");
  EXPECT_EQ(class_of(pod(seconds(10), ConditionStatus::kFalse, seconds(10)), "memory"), "ready");
}

TEST_F(ClassifyTest, NoReadyConditionOrNoStartIsUnready) {
  kube::Pod no_condition = ready_pod("a");
  no_condition.status.conditions[0].type = "Initialized";
  EXPECT_EQ(class_of(no_condition), "unready");
  kube::Pod no_start = ready_pod("a");
  no_start.status.start_time.reset();
  EXPECT_EQ(class_of(no_start), "unready");
}

TEST_F(ClassifyTest, AStartingPodCountsOnceASampleLiesAfterItsReadiness) {
  // The sample of 15 s ends now, so it began 15 s ago.
  EXPECT_EQ(class_of(pod(seconds(60), ConditionStatus::kTrue, seconds(15))), "ready");
  EXPECT_EQ(class_of(pod(seconds(60), ConditionStatus::kTrue, seconds(15) - Nanoseconds(1))),
            "unready");
  EXPECT_EQ(class_of(pod(seconds(60), ConditionStatus::kFalse, seconds(50))), "unready");
  // Unknown is not False: it counts like ready.
  EXPECT_EQ(class_of(pod(seconds(60), ConditionStatus::kUnknown, seconds(50))), "ready");
}

TEST_F(ClassifyTest, TheInitializationEndsExactlyAtItsPeriod) {
  // Ready since a second: too fresh while starting, fine afterwards.
  EXPECT_EQ(class_of(pod(seconds(300) - Nanoseconds(1), ConditionStatus::kTrue, seconds(1))),
            "unready");
  EXPECT_EQ(class_of(pod(seconds(300), ConditionStatus::kTrue, seconds(1))), "ready");
}

TEST_F(ClassifyTest, AnOldPodThatWasNeverReadyIsUnready) {
  // Not ready, and readiness changed within 30 s of the start: it never became ready.
  EXPECT_EQ(class_of(pod(seconds(600), ConditionStatus::kFalse, seconds(600))), "unready");
  EXPECT_EQ(class_of(pod(seconds(600), ConditionStatus::kFalse, seconds(570) + Nanoseconds(1))),
            "unready");
  // Exactly at the delay it counts as having been ready once: its CPU is load.
  EXPECT_EQ(class_of(pod(seconds(600), ConditionStatus::kFalse, seconds(570))), "ready");
  EXPECT_EQ(class_of(pod(seconds(600), ConditionStatus::kFalse, seconds(5))), "ready");
  EXPECT_EQ(class_of(pod(seconds(600), ConditionStatus::kUnknown, seconds(600))), "ready");
}

TEST_F(ClassifyTest, SucceededAndUnknownPhasesAreTakenByTheirReadiness) {
  kube::Pod succeeded = ready_pod("a");
  succeeded.status.phase = PodPhase::kSucceeded;
  EXPECT_EQ(class_of(succeeded), "ready");
}

TEST_F(ClassifyTest, ClassesKeepTheOrderOfThePods) {
  samples_ = {{"b", {now_, seconds(15), 1}}, {"a", {now_, seconds(15), 1}}};
  const auto classes =
      classify({ready_pod("b"), ready_pod("x"), ready_pod("a")}, samples_, "cpu", config_, now_);
  EXPECT_EQ(classes.ready, (Names{"b", "a"}));
  EXPECT_EQ(classes.missing, (Names{"x"}));
}

}  // namespace
}  // namespace iris::scale::hpa
