// The replicas of one scenario as looks at the cluster show them one after the other: their states,
// what happened to them, and their counts.
//
//   ReplicaLog replicas(on_event);
//   replicas.take(snapshot);          // after each look
//   auto samples = replicas.sample(origin);
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "scale/cluster/watch.hpp"
#include "scale/measure.hpp"

namespace iris::scale::cluster {

class ReplicaLog {
 public:
  // `kind` is one of docs/records.md.
  using OnEvent =
      std::function<void(const char* kind, const std::string& replica, const std::string& message)>;
  explicit ReplicaLog(OnEvent on_event) : on_event_(std::move(on_event)) {}

  void take(const Snapshot& snapshot);

  // What is known now; gone replicas with their last counts. Times are seconds since `origin`.
  std::vector<ReplicaSample> sample(SteadyTime origin) const;
  int desired() const { return desired_; }
  int ready() const { return ready_; }
  int most_ready() const { return most_ready_; }
  // When all that are desired are ready: since when; else none.
  std::optional<SteadyTime> settled_at() const { return settled_at_; }
  // Replicas that ended, or whose process did: their last counts are not known.
  const std::vector<std::string>& ended() const { return ended_; }
  std::size_t lost() const { return lost_; }
  // Of those that are there.
  std::uint64_t answered() const;

 private:
  struct Replica {
    std::string name;
    const char* state = "starting";
    std::int32_t restarts = 0;
    bool lost = false;
    ReplicaCounts counts;
    SteadyTime counted_at;
  };

  Replica& find_or_add(const kube::PodDetail& pod, SteadyTime at);
  void take_restarts(Replica& replica, const kube::PodDetail& pod);
  void move(Replica& replica, const char* state, const char* kind, const std::string& message);

  OnEvent on_event_;
  std::vector<Replica> replicas_;  // in the order in which they were first seen
  int desired_ = 0;
  int ready_ = 0;
  int most_ready_ = 0;
  std::optional<SteadyTime> settled_at_;
  std::vector<std::string> ended_;
  std::size_t lost_ = 0;
};

}  // namespace iris::scale::cluster
