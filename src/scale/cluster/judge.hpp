// Whether a step has succeeded, may still, or has failed, from one look at the cluster. Pure.
#pragma once

#include <string>

#include "scale/cluster/watch.hpp"

namespace iris::scale::cluster {

struct Progress {
  enum class State { kDone, kWaiting, kFailed };
  State state = State::kWaiting;
  std::string message;  // what it waits for, or why it failed and what to do

  static Progress done() { return {State::kDone, ""}; }
  static Progress waiting(std::string message) { return {State::kWaiting, std::move(message)}; }
  static Progress failed(std::string message) { return {State::kFailed, std::move(message)}; }
};

// All replicas that are wanted are there and ready, of the present specification, and no others. A
// replica that crashes again and again, or whose image cannot be pulled, fails at once; one that
// cannot be scheduled may be, once the cluster grows.
Progress rollout_progress(const Snapshot& snapshot);

// Beside that: the HPA computes, metrics.k8s.io knows every replica, and their counts can be read.
Progress settled_progress(const Snapshot& snapshot, std::int32_t min_replicas,
                          const std::string& admin_port);

// The Job's pod runs, or has run.
Progress load_started(const Snapshot& snapshot);

// The Job has ended: well (done), or not.
Progress load_ended(const Snapshot& snapshot);

// Why a pod does not work: of its containers' states. Empty when nothing speaks against it.
std::string trouble_of(const kube::PodDetail& pod);

}  // namespace iris::scale::cluster
