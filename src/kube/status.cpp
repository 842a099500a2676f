#include "kube/status.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace iris::kube {
namespace {

using nlohmann::json;

// The value at the end of the path; null when any part of it is missing or of another kind.
const json& at(const json& value, std::initializer_list<const char*> path) {
  static const json kNothing;
  const json* here = &value;
  for (const char* key : path) {
    if (!here->is_object()) return kNothing;
    const auto found = here->find(key);
    if (found == here->end()) return kNothing;
    here = &*found;
  }
  return *here;
}

std::string text(const json& value, std::initializer_list<const char*> path) {
  const json& found = at(value, path);
  return found.is_string() ? found.get<std::string>() : "";
}

std::int32_t number(const json& value, std::initializer_list<const char*> path,
                    std::int32_t otherwise = 0) {
  const json& found = at(value, path);
  if (!found.is_number_integer()) return otherwise;
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(found.get<std::int64_t>(), std::numeric_limits<std::int32_t>::min(),
                               std::numeric_limits<std::int32_t>::max()));
}

std::vector<StatusCondition> conditions(const json& object) {
  std::vector<StatusCondition> list;
  for (const auto& item : at(object, {"status", "conditions"})) {
    list.push_back({text(item, {"type"}), text(item, {"status"}), text(item, {"reason"}),
                    text(item, {"message"})});
  }
  return list;
}

bool is_true(const std::vector<StatusCondition>& conditions, const char* type) {
  const auto* found = find_condition(conditions, type);
  return found != nullptr && found->status == "True";
}

ContainerStatus read_container(const json& value) {
  ContainerStatus container;
  container.name = text(value, {"name"});
  container.restarts = number(value, {"restartCount"});
  const json& state = at(value, {"state"});
  container.running = at(state, {"running"}).is_object();
  container.waiting_reason = text(state, {"waiting", "reason"});
  container.waiting_message = text(state, {"waiting", "message"});
  for (const json* ended : {&at(state, {"terminated"}), &at(value, {"lastState", "terminated"})}) {
    if (!ended->is_object()) continue;
    container.exit_code = number(*ended, {"exitCode"});
    container.end_reason = text(*ended, {"reason"});
    break;
  }
  return container;
}

}  // namespace

const StatusCondition* find_condition(const std::vector<StatusCondition>& conditions,
                                      const std::string& type) {
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [&](const auto& condition) { return condition.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

const StatusCondition* JobStatus::failed() const {
  const auto* found = find_condition(conditions, "Failed");
  return found != nullptr && found->status == "True" ? found : nullptr;
}

DeploymentStatus read_deployment_status(const json& deployment) {
  DeploymentStatus status;
  status.wanted = number(deployment, {"spec", "replicas"}, 1);
  status.replicas = number(deployment, {"status", "replicas"});
  status.updated = number(deployment, {"status", "updatedReplicas"});
  status.ready = number(deployment, {"status", "readyReplicas"});
  status.observed = number(deployment, {"status", "observedGeneration"}) >=
                    number(deployment, {"metadata", "generation"}, 1);
  status.conditions = conditions(deployment);
  return status;
}

HpaStatus read_hpa_status(const json& hpa) {
  HpaStatus status;
  status.current = number(hpa, {"status", "currentReplicas"});
  status.desired = number(hpa, {"status", "desiredReplicas"});
  status.conditions = conditions(hpa);
  for (const auto& metric : at(hpa, {"status", "currentMetrics"})) {
    const json& percent = at(metric, {"resource", "current", "averageUtilization"});
    if (text(metric, {"resource", "name"}) != "cpu" || !percent.is_number_integer()) continue;
    status.cpu_utilization_percent = number(metric, {"resource", "current", "averageUtilization"});
  }
  return status;
}

JobStatus read_job_status(const json& job) {
  JobStatus status;
  status.conditions = conditions(job);
  status.complete = is_true(status.conditions, "Complete");
  return status;
}

PodDetail read_pod_detail(const json& pod) {
  PodDetail detail;
  detail.name = text(pod, {"metadata", "name"});
  detail.phase = text(pod, {"status", "phase"});
  detail.deleting = at(pod, {"metadata", "deletionTimestamp"}).is_string();
  for (const auto& owner : at(pod, {"metadata", "ownerReferences"})) {
    detail.owner = text(owner, {"name"});
  }
  const auto all = conditions(pod);
  detail.ready = is_true(all, "Ready");
  const auto* scheduled = find_condition(all, "PodScheduled");
  if (scheduled != nullptr && scheduled->status == "False") {
    detail.unschedulable = scheduled->reason + ": " + scheduled->message;
  }
  for (const char* kind : {"initContainerStatuses", "containerStatuses"}) {
    for (const auto& item : at(pod, {"status", kind})) {
      detail.containers.push_back(read_container(item));
    }
  }
  return detail;
}

Event read_event(const json& event) {
  Event read;
  read.id = text(event, {"metadata", "uid"}) + "/" + text(event, {"metadata", "name"}) + "/" +
            std::to_string(number(event, {"count"}));
  read.warning = text(event, {"type"}) == "Warning";
  read.reason = text(event, {"reason"});
  read.message = text(event, {"message"});
  read.object =
      text(event, {"involvedObject", "kind"}) + " " + text(event, {"involvedObject", "name"});
  return read;
}

}  // namespace iris::kube
