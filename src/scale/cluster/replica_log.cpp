#include "scale/cluster/replica_log.hpp"

#include <algorithm>
#include <string_view>

namespace iris::scale::cluster {

ReplicaLog::Replica& ReplicaLog::find_or_add(const kube::PodDetail& pod, SteadyTime at) {
  const auto found = std::find_if(replicas_.begin(), replicas_.end(),
                                  [&](const Replica& replica) { return replica.name == pod.name; });
  if (found != replicas_.end()) return *found;
  Replica replica;
  replica.name = pod.name;
  replica.counted_at = at;
  for (const auto& container : pod.containers) replica.restarts += container.restarts;
  on_event_("replica_started", pod.name, "its pod was made");
  replicas_.push_back(std::move(replica));
  return replicas_.back();
}

void ReplicaLog::move(Replica& replica, const char* state, const char* kind,
                      const std::string& message) {
  if (replica.state == std::string_view(state)) return;
  replica.state = state;
  on_event_(kind, replica.name, message);
}

// A container that began anew has lost its counts with its process.
void ReplicaLog::take_restarts(Replica& replica, const kube::PodDetail& pod) {
  std::int32_t restarts = 0;
  std::string how;
  for (const auto& container : pod.containers) {
    restarts += container.restarts;
    if (container.exit_code) {
      how = fmt::format(" (exit status {}{}{})", *container.exit_code,
                        container.end_reason.empty() ? "" : ", ", container.end_reason);
    }
  }
  if (restarts <= replica.restarts) return;
  replica.restarts = restarts;
  ++lost_;
  if (!std::exchange(replica.lost, true)) ended_.push_back(replica.name);
  on_event_("replica_lost", replica.name, "its container died unasked" + how);
}

void ReplicaLog::take(const Snapshot& snapshot) {
  ready_ = 0;
  for (const auto& pod : snapshot.replicas) {
    auto& replica = find_or_add(pod, snapshot.at);
    take_restarts(replica, pod);
    if (pod.deleting) {
      move(replica, "draining", "replica_draining", "is asked to end");
    } else if (pod.ready) {
      move(replica, "ready", "replica_ready", "is ready");
      ++ready_;
    } else if (replica.state == std::string_view("ready")) {
      move(replica, "starting", "replica_unready", "is no longer ready");
    }
    const auto counts = snapshot.counts.find(pod.name);
    // After a restart the counts of both processes together.
    if (counts == snapshot.counts.end()) continue;
    if (counts->second.answered >= replica.counts.answered) {
      replica.counts = counts->second;
      replica.counted_at = snapshot.at;
    }
  }
  for (auto& replica : replicas_) {
    const bool there = std::any_of(snapshot.replicas.begin(), snapshot.replicas.end(),
                                   [&](const auto& pod) { return pod.name == replica.name; });
    if (there || replica.state == std::string_view("gone")) continue;
    if (!std::exchange(replica.lost, true)) ended_.push_back(replica.name);
    replica.counts.connections = 0;
    move(replica, "gone", "replica_gone", "has ended");
  }
  desired_ = snapshot.deployment.wanted;
  most_ready_ = std::max(most_ready_, ready_);
  if (ready_ != desired_) {
    settled_at_.reset();
  } else if (!settled_at_) {
    settled_at_ = snapshot.at;
  }
}

std::vector<ReplicaSample> ReplicaLog::sample(SteadyTime origin) const {
  std::vector<ReplicaSample> samples;
  for (const auto& replica : replicas_) {
    ReplicaSample sample;
    sample.name = replica.name;
    sample.slot = static_cast<int>(samples.size());
    sample.state = replica.state;
    // Counts from before the load are those that it begins with.
    const double at = std::max(0.0, to_seconds(replica.counted_at - origin));
    sample.counted_t = sample.used_t = at;
    sample.received = replica.counts.received;
    sample.answered = replica.counts.answered;
    sample.errors = replica.counts.errors;
    sample.connections = replica.counts.connections;
    sample.cpu_us = replica.counts.cpu_us.value_or(0);
    sample.memory_bytes = replica.counts.memory_bytes.value_or(0);
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::uint64_t ReplicaLog::answered() const {
  std::uint64_t sum = 0;
  for (const auto& replica : replicas_) sum += replica.counts.answered;
  return sum;
}

}  // namespace iris::scale::cluster
