// What a cluster says of the objects it holds, as `kubectl get -o json` shows it: the fields that
// tell whether something works, and why not. Everything may be missing: an object that was just
// made has no status yet.
//
//   const auto status = kube::read_deployment_status(value);
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace iris::kube {

struct StatusCondition {
  std::string type;
  std::string status;  // True, False or Unknown
  std::string reason;
  std::string message;
};

// The one of that type, or null.
const StatusCondition* find_condition(const std::vector<StatusCondition>& conditions,
                                      const std::string& type);

struct DeploymentStatus {
  std::int32_t wanted = 1;  // spec.replicas
  std::int32_t replicas = 0;
  std::int32_t updated = 0;
  std::int32_t ready = 0;
  bool observed = false;  // the status is of the present specification
  std::vector<StatusCondition> conditions;
};

struct HpaStatus {
  std::int32_t current = 0;
  std::int32_t desired = 0;
  std::optional<std::int32_t> cpu_utilization_percent{};
  std::vector<StatusCondition> conditions{};
};

struct JobStatus {
  std::vector<StatusCondition> conditions;
  bool complete = false;
  const StatusCondition* failed() const;
};

struct ContainerStatus {
  std::string name;
  bool running = false;
  std::int32_t restarts = 0;
  // CrashLoopBackOff, ImagePullBackOff, …; empty when it is not waiting.
  std::string waiting_reason{};
  std::string waiting_message{};
  std::optional<std::int32_t> exit_code{};  // of this start or, if it is waiting, of the one before
  std::string end_reason{};                 // OOMKilled, Error, …
};

struct PodDetail {
  std::string name;
  std::string phase;
  bool ready = false;
  bool deleting = false;
  std::string owner;          // name of the Job or ReplicaSet that made it
  std::string unschedulable;  // why; empty when it is scheduled
  std::vector<ContainerStatus> containers;
};

struct Event {
  std::string id;  // changes whenever the event is counted anew
  bool warning = false;
  std::string reason;
  std::string message;
  std::string object;  // "Pod iris-api-7d9c5b8f6d-00001"
};

DeploymentStatus read_deployment_status(const nlohmann::json& deployment);
HpaStatus read_hpa_status(const nlohmann::json& hpa);
JobStatus read_job_status(const nlohmann::json& job);
PodDetail read_pod_detail(const nlohmann::json& pod);
Event read_event(const nlohmann::json& event);

}  // namespace iris::kube
