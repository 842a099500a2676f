#include "scale/cluster/judge.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace iris::scale::cluster {
namespace {

// A container that cannot start, whatever one waits.
constexpr std::array<std::string_view, 6> kImageReasons = {
    "ErrImagePull",      "ImagePullBackOff",    "InvalidImageName",
    "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError"};
constexpr std::array<std::string_view, 4> kConfigReasons = {
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"};

template <std::size_t N>
bool one_of(const std::string& word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string how_it_ended(const kube::ContainerStatus& container) {
  if (!container.exit_code) return "";
  return fmt::format(", last with exit status {}{}", *container.exit_code,
                     container.end_reason.empty() || container.end_reason == "Error"
                         ? ""
                         : " (" + container.end_reason + ")");
}

std::string trouble_of(const kube::PodDetail& pod, const kube::ContainerStatus& container) {
  const auto& reason = container.waiting_reason;
  if (one_of(reason, kImageReasons)) {
    return fmt::format(
        "pod {}: {}: {}; push the image, name one that the cluster can pull (--image, "
        "--load-image), or give the namespace a pull secret",
        pod.name, reason, container.waiting_message);
  }
  if (one_of(reason, kConfigReasons)) {
    return fmt::format("pod {}: {}: {}", pod.name, reason, container.waiting_message);
  }
  if (reason == "CrashLoopBackOff" || container.restarts >= 2) {
    return fmt::format("pod {}: container {} has ended {} times{}", pod.name, container.name,
                       std::max(container.restarts, 1), how_it_ended(container));
  }
  return "";
}

const kube::StatusCondition* true_condition(const kube::DeploymentStatus& status,
                                            const char* type) {
  const auto* found = kube::find_condition(status.conditions, type);
  return found != nullptr && found->status == "True" ? found : nullptr;
}

}  // namespace

std::string trouble_of(const kube::PodDetail& pod) {
  for (const auto& container : pod.containers) {
    if (auto trouble = trouble_of(pod, container); !trouble.empty()) return trouble;
  }
  return "";
}

Progress rollout_progress(const Snapshot& snapshot) {
  const auto& deployment = snapshot.deployment;
  if (const auto* refused = true_condition(deployment, "ReplicaFailure")) {
    return Progress::failed("pods cannot be made: " + refused->message);
  }
  const auto* progressing = kube::find_condition(deployment.conditions, "Progressing");
  if (progressing != nullptr && progressing->status == "False") {
    return Progress::failed(progressing->message);
  }
  std::string unschedulable;
  std::size_t leaving = 0;
  for (const auto& pod : snapshot.replicas) {
    if (pod.deleting) {
      ++leaving;
      continue;
    }
    if (auto trouble = trouble_of(pod); !trouble.empty()) return Progress::failed(trouble);
    if (!pod.unschedulable.empty()) {
      unschedulable = fmt::format("pod {} is pending: {}", pod.name, pod.unschedulable);
    }
  }
  const bool complete = deployment.observed && deployment.updated == deployment.wanted &&
                        deployment.replicas == deployment.wanted &&
                        deployment.ready == deployment.wanted &&
                        snapshot.ready_count() == deployment.wanted;
  if (complete && leaving == 0) return Progress::done();
  if (!unschedulable.empty()) return Progress::waiting(unschedulable);
  if (complete) return Progress::waiting(fmt::format("{} replicas are leaving", leaving));
  return Progress::waiting(
      fmt::format("{} of {} replicas are ready", snapshot.ready_count(), deployment.wanted));
}

Progress settled_progress(const Snapshot& snapshot, std::int32_t min_replicas,
                          const std::string& admin_port) {
  auto progress = rollout_progress(snapshot);
  if (progress.state != Progress::State::kDone) return progress;
  if (snapshot.deployment.wanted != min_replicas) {
    return Progress::waiting(fmt::format("the HPA wants {} replicas before the load, expected {}",
                                         snapshot.deployment.wanted, min_replicas));
  }
  if (!snapshot.unread.empty()) {
    return Progress::waiting(
        fmt::format("the counts of {}; the API server must reach the pods' port {}: iris serve "
                    "--admin-host=0.0.0.0, and no NetworkPolicy in between",
                    snapshot.unread, admin_port));
  }
  for (const auto& pod : snapshot.replicas) {
    if (snapshot.measured.count(pod.name) == 0) {
      return Progress::waiting("metrics.k8s.io has no figures of pod " + pod.name);
    }
    if (snapshot.counts.count(pod.name) == 0) {
      return Progress::waiting("the counts of pod " + pod.name);
    }
  }
  if (!snapshot.hpa) return Progress::waiting("the HPA is not there yet");
  const auto* active = kube::find_condition(snapshot.hpa->conditions, "ScalingActive");
  if (active == nullptr) return Progress::waiting("the HPA has not computed yet");
  if (active->status != "True") return Progress::waiting("the HPA: " + active->message);
  return Progress::done();
}

Progress load_started(const Snapshot& snapshot) {
  if (!snapshot.job) return Progress::waiting("the Job is not there yet");
  if (snapshot.job->complete || snapshot.job->failed() != nullptr) return Progress::done();
  if (!snapshot.load) return Progress::waiting("the Job has no pod yet");
  const auto& pod = *snapshot.load;
  if (auto trouble = trouble_of(pod); !trouble.empty()) return Progress::failed(trouble);
  if (pod.phase == "Running" || pod.phase == "Succeeded" || pod.phase == "Failed") {
    return Progress::done();
  }
  if (!pod.unschedulable.empty()) {
    return Progress::waiting(fmt::format("pod {} is pending: {}", pod.name, pod.unschedulable));
  }
  return Progress::waiting(fmt::format("pod {} is {}", pod.name, pod.phase));
}

Progress load_ended(const Snapshot& snapshot) {
  if (!snapshot.job) return Progress::failed("the Job is gone: somebody deleted it");
  if (snapshot.job->complete) return Progress::done();
  if (const auto* failed = snapshot.job->failed()) {
    std::string how;
    if (snapshot.load) {
      for (const auto& container : snapshot.load->containers) how += how_it_ended(container);
    }
    return Progress::failed(
        fmt::format("the load Job failed: {}: {}{}", failed->reason, failed->message, how));
  }
  return Progress::waiting("the Job runs");
}

}  // namespace iris::scale::cluster
