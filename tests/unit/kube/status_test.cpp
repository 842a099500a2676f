#include "kube/status.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace iris::kube {
namespace {

using nlohmann::json;

TEST(Status, OfADeploymentIsOfItsSpecificationOrNotYet) {
  auto value = json::parse(R"({
    "metadata": {"generation": 3},
    "spec": {"replicas": 2},
    "status": {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 1,
      "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]}})");
  const auto status = read_deployment_status(value);
  EXPECT_TRUE(status.observed);
  EXPECT_EQ(status.wanted, 2);
  EXPECT_EQ(status.ready, 1);
  ASSERT_NE(find_condition(status.conditions, "Progressing"), nullptr);
  EXPECT_EQ(find_condition(status.conditions, "Available"), nullptr);
  value["metadata"]["generation"] = 4;
  EXPECT_FALSE(read_deployment_status(value).observed);
}

TEST(Status, OfNothingYetIsEmpty) {
  const auto nothing = json::object();
  EXPECT_FALSE(read_deployment_status(nothing).observed);
  EXPECT_FALSE(read_hpa_status(nothing).cpu_utilization_percent);
  EXPECT_FALSE(read_job_status(nothing).complete);
  EXPECT_EQ(read_job_status(nothing).failed(), nullptr);
  EXPECT_FALSE(read_pod_detail(json(nullptr)).ready);
}

TEST(Status, OfAnHpaHasTheCpuThatItSaw) {
  const auto status = read_hpa_status(json::parse(R"({"status": {
    "currentReplicas": 1, "desiredReplicas": 3,
    "currentMetrics": [
      {"type": "Resource", "resource": {"name": "memory", "current": {"averageUtilization": 7}}},
      {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 312}}}]}})"));
  EXPECT_EQ(status.current, 1);
  EXPECT_EQ(status.desired, 3);
  EXPECT_EQ(status.cpu_utilization_percent, 312);
}

TEST(Status, OfAJobTellsSuccessFromFailure) {
  EXPECT_TRUE(
      read_job_status(
          json::parse(R"({"status": {"conditions": [{"type": "Complete", "status": "True"}]}})"))
          .complete);
  const auto failed = read_job_status(json::parse(R"({"status": {"conditions": [
    {"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded"},
    {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "m"}]}})"));
  EXPECT_FALSE(failed.complete);
  ASSERT_NE(failed.failed(), nullptr);
  EXPECT_EQ(failed.failed()->reason, "BackoffLimitExceeded");
}

TEST(Status, OfAPodSaysWhyItDoesNotRun) {
  const auto crashing = read_pod_detail(json::parse(R"({
    "metadata": {"name": "p", "deletionTimestamp": "2025-01-31T12:00:00Z",
      "ownerReferences": [{"kind": "ReplicaSet", "name": "rs"}]},
    "status": {"phase": "Running",
      "conditions": [{"type": "Ready", "status": "False"}],
      "containerStatuses": [{"name": "c", "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}})"));
  EXPECT_TRUE(crashing.deleting);
  EXPECT_EQ(crashing.owner, "rs");
  ASSERT_EQ(crashing.containers.size(), 1U);
  EXPECT_EQ(crashing.containers[0].waiting_reason, "CrashLoopBackOff");
  EXPECT_EQ(crashing.containers[0].exit_code, 137);
  EXPECT_EQ(crashing.containers[0].end_reason, "OOMKilled");

  const auto pending = read_pod_detail(json::parse(R"({"status": {"phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
      "message": "0/1 nodes are available"}]}})"));
  EXPECT_EQ(pending.unschedulable, "Unschedulable: 0/1 nodes are available");
}

TEST(Status, AnEventThatIsCountedAnewIsANewOne) {
  auto value = json::parse(R"({"metadata": {"uid": "u", "name": "e"}, "type": "Warning",
    "reason": "BackOff", "message": "m", "count": 1,
    "involvedObject": {"kind": "Pod", "name": "p"}})");
  const auto first = read_event(value);
  EXPECT_TRUE(first.warning);
  EXPECT_EQ(first.object, "Pod p");
  value["count"] = 2;
  EXPECT_NE(read_event(value).id, first.id);
}

}  // namespace
}  // namespace iris::kube
