#include "scale/hpa/classify.hpp"

#include <algorithm>

namespace iris::scale::hpa {
namespace {

bool cpu_is_unready(const kube::Pod& pod, const Sample& sample, const ControllerConfig& config,
                    WallTime now) {
  const auto& conditions = pod.status.conditions;
  const auto ready = std::find_if(conditions.begin(), conditions.end(),
                                  [](const auto& one) { return one.type == "Ready"; });
  if (ready == conditions.end() || !pod.status.start_time) return true;
  const bool is_false = ready->status == kube::ConditionStatus::kFalse;
  const WallTime start = *pod.status.start_time;
  if (start + config.cpu_initialization_period > now) {
    // Starting: only a sample that lies wholly after the last change of readiness counts.
    return is_false || sample.timestamp < ready->last_transition_time + sample.window;
  }
  // Not ready and never was: the change came within the initial delay.
  return is_false && start + config.initial_readiness_delay > ready->last_transition_time;
}

}  // namespace

PodClasses classify(const std::vector<kube::Pod>& pods, const Samples& samples,
                    const std::string& resource, const ControllerConfig& config, WallTime now) {
  PodClasses classes;
  for (const auto& pod : pods) {
    const std::string& name = pod.metadata.name;
    if (pod.metadata.deletion_timestamp || pod.status.phase == kube::PodPhase::kFailed) {
      classes.ignored.push_back(name);
      continue;
    }
    if (pod.status.phase == kube::PodPhase::kPending) {
      classes.unready.push_back(name);
      continue;
    }
    const auto sample = samples.find(name);
    if (sample == samples.end()) {
      classes.missing.push_back(name);
    } else if (resource == "cpu" && cpu_is_unready(pod, sample->second, config, now)) {
      classes.unready.push_back(name);
    } else {
      classes.ready.push_back(name);
    }
  }
  return classes;
}

}  // namespace iris::scale::hpa
