#include "scale/cluster/judge.hpp"

#include <gtest/gtest.h>

namespace iris::scale::cluster {
namespace {

using State = Progress::State;

kube::PodDetail ready_pod(const std::string& name) {
  kube::PodDetail pod;
  pod.name = name;
  pod.phase = "Running";
  pod.ready = true;
  pod.containers.push_back({.name = "iris-api", .running = true});
  return pod;
}

// One replica, ready, seen by everybody.
Snapshot settled() {
  Snapshot snapshot;
  snapshot.deployment = {
      .wanted = 1, .replicas = 1, .updated = 1, .ready = 1, .observed = true, .conditions = {}};
  snapshot.replicas = {ready_pod("a")};
  snapshot.hpa = kube::HpaStatus{.current = 1,
                                 .desired = 1,
                                 .conditions = {{"ScalingActive", "True", "ValidMetricFound", ""}}};
  snapshot.measured = {"a"};
  snapshot.counts["a"] = {};
  return snapshot;
}

Progress settling(const Snapshot& snapshot) {
  return settled_progress(snapshot, 1, "9090");
}

TEST(Rollout, IsDoneWhenAllThatAreWantedAreReady) {
  EXPECT_EQ(rollout_progress(settled()).state, State::kDone);
  auto unready = settled();
  unready.replicas[0].ready = false;
  EXPECT_EQ(rollout_progress(unready).state, State::kWaiting);
  EXPECT_EQ(rollout_progress(unready).message, "0 of 1 replicas are ready");
  auto stale = settled();
  stale.deployment.observed = false;
  EXPECT_EQ(rollout_progress(stale).state, State::kWaiting);
}

TEST(Rollout, WaitsForReplicasThatLeave) {
  auto leaving = settled();
  leaving.replicas.push_back(ready_pod("b"));
  leaving.replicas[1].deleting = true;
  EXPECT_EQ(rollout_progress(leaving).state, State::kWaiting);
  EXPECT_EQ(rollout_progress(leaving).message, "1 replicas are leaving");
}

TEST(Rollout, FailsAtOnceOnWhatNoWaitingMends) {
  const auto failure = [](const kube::ContainerStatus& container) {
    auto snapshot = settled();
    snapshot.replicas[0].ready = false;
    snapshot.replicas[0].containers = {container};
    return rollout_progress(snapshot);
  };
  for (const char* reason : {"ErrImagePull", "ImagePullBackOff", "InvalidImageName"}) {
    const auto progress = failure({.name = "c", .waiting_reason = reason, .waiting_message = "m"});
    EXPECT_EQ(progress.state, State::kFailed) << reason;
    EXPECT_NE(progress.message.find("--image"), std::string::npos);
  }
  EXPECT_EQ(failure({.name = "c", .waiting_reason = "CreateContainerConfigError"}).state,
            State::kFailed);
  const auto crash = failure({.name = "c",
                              .restarts = 3,
                              .waiting_reason = "CrashLoopBackOff",
                              .exit_code = 137,
                              .end_reason = "OOMKilled"});
  EXPECT_EQ(crash.state, State::kFailed);
  EXPECT_EQ(crash.message,
            "pod a: container c has ended 3 times, last with exit status 137 (OOMKilled)");
  // A first start that failed may be followed by one that does not.
  EXPECT_EQ(failure({.name = "c", .restarts = 1}).state, State::kWaiting);
  EXPECT_EQ(failure({.name = "c", .waiting_reason = "ContainerCreating"}).state, State::kWaiting);
}

TEST(Rollout, WaitsForTheSchedulerAndSaysSo) {
  auto pending = settled();
  pending.replicas[0].ready = false;
  pending.replicas[0].unschedulable = "Unschedulable: no room";
  EXPECT_EQ(rollout_progress(pending).state, State::kWaiting);
  EXPECT_EQ(rollout_progress(pending).message, "pod a is pending: Unschedulable: no room");
}

TEST(Rollout, FailsWhenTheDeploymentSaysSo) {
  auto refused = settled();
  refused.deployment.conditions = {{"ReplicaFailure", "True", "FailedCreate", "exceeded quota"}};
  EXPECT_EQ(rollout_progress(refused).state, State::kFailed);
  EXPECT_EQ(rollout_progress(refused).message, "pods cannot be made: exceeded quota");
  auto late = settled();
  late.deployment.conditions = {{"Progressing", "False", "ProgressDeadlineExceeded", "timed out"}};
  EXPECT_EQ(rollout_progress(late).state, State::kFailed);
}

TEST(Settling, NeedsMetricsCountsAndAnHpaThatComputes) {
  EXPECT_EQ(settling(settled()).state, State::kDone);
  auto unmeasured = settled();
  unmeasured.measured.clear();
  EXPECT_EQ(settling(unmeasured).message, "metrics.k8s.io has no figures of pod a");
  auto uncounted = settled();
  uncounted.counts.clear();
  EXPECT_EQ(settling(uncounted).state, State::kWaiting);
  uncounted.unread = "a: connection refused";
  EXPECT_NE(settling(uncounted).message.find("--admin-host=0.0.0.0"), std::string::npos);
  auto idle = settled();
  idle.hpa.reset();
  EXPECT_EQ(settling(idle).state, State::kWaiting);
  auto blind = settled();
  blind.hpa->conditions = {{"ScalingActive", "False", "FailedGetResourceMetric", "no metrics"}};
  EXPECT_EQ(settling(blind).message, "the HPA: no metrics");
  auto scaled = settled();
  scaled.deployment.wanted = scaled.deployment.replicas = 2;
  scaled.deployment.updated = scaled.deployment.ready = 2;
  scaled.replicas.push_back(ready_pod("b"));
  EXPECT_EQ(settling(scaled).message, "the HPA wants 2 replicas before the load, expected 1");
}

TEST(Load, StartsAndEndsAsItsJobSays) {
  auto snapshot = settled();
  EXPECT_EQ(load_started(snapshot).state, State::kWaiting);
  EXPECT_EQ(load_ended(snapshot).state, State::kFailed);  // somebody deleted it
  snapshot.job.emplace();
  EXPECT_EQ(load_started(snapshot).state, State::kWaiting);
  EXPECT_EQ(load_ended(snapshot).state, State::kWaiting);
  snapshot.load = ready_pod("wrk");
  EXPECT_EQ(load_started(snapshot).state, State::kDone);
  snapshot.load->phase = "Pending";
  EXPECT_EQ(load_started(snapshot).message, "pod wrk is Pending");
  snapshot.load->containers[0].waiting_reason = "ErrImagePull";
  EXPECT_EQ(load_started(snapshot).state, State::kFailed);
  snapshot.job->complete = true;
  EXPECT_EQ(load_ended(snapshot).state, State::kDone);
  snapshot.job = kube::JobStatus{{{"Failed", "True", "DeadlineExceeded", "too long"}}, false};
  EXPECT_EQ(load_started(snapshot).state, State::kDone);
  EXPECT_EQ(load_ended(snapshot).message, "the load Job failed: DeadlineExceeded: too long");
}

}  // namespace
}  // namespace iris::scale::cluster
