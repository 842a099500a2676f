// Looks at the run's objects: what the API server holds, what metrics.k8s.io knows, what the pods
// themselves count.
//
//   Watch watch(session, deployment);
//   auto snapshot = watch.look();      // again and again, at a fixed interval
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kube/objects.hpp"
#include "kube/status.hpp"
#include "scale/cluster/session.hpp"
#include "scale/replica_counts.hpp"

namespace iris::scale::cluster {

// One look. Counts are there for the pods that answered.
struct Snapshot {
  SteadyTime at;
  kube::DeploymentStatus deployment;
  std::optional<kube::HpaStatus> hpa;     // none: there is no HPA of that name
  std::optional<kube::JobStatus> job;     // none: there is no Job of that name
  std::vector<kube::PodDetail> replicas;  // in the order of their names
  std::optional<kube::PodDetail> load;    // the Job's pod
  std::vector<kube::Event> events;        // warnings that are new since the look before
  std::set<std::string> measured;         // pods that metrics.k8s.io has figures of
  std::map<std::string, ReplicaCounts> counts;
  std::string unread;  // why a replica's counts could not be read; empty when all could

  std::int32_t ready_count() const;
};

class Watch {
 public:
  Watch(const Session& session, const kube::Deployment& deployment)
      : session_(session), deployment_(deployment) {}

  // Which HPA and Job to look at; a new scenario has others.
  void follow(std::string hpa, std::string job);
  // Whether to read the pods' counts and metrics.k8s.io too.
  void set_measuring(bool measuring) { measuring_ = measuring; }

  // Nothing when the cluster could not be reached this time. Fails when that has been so for too
  // long, when the user may not look, and when it was interrupted.
  Result<std::optional<Snapshot>> look();

 private:
  std::vector<kube::KubectlCall> calls() const;
  Result<void> unreachable(const std::string& message);
  void take_objects(const nlohmann::json& list, Snapshot& snapshot);
  void take_pod(const nlohmann::json& pod, Snapshot& snapshot) const;

  const Session& session_;
  const kube::Deployment& deployment_;
  std::string hpa_;
  std::string job_;
  bool measuring_ = false;
  std::vector<std::string> scraped_;  // pods whose counts are read
  std::set<std::string> seen_events_;
  bool looked_ = false;
  std::optional<SteadyTime> lost_since_;
};

// What every message about it says.
inline constexpr const char* kLost = "the connection to the cluster is lost";

}  // namespace iris::scale::cluster
