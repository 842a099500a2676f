// What a cluster must have before anything is changed on it: reachable, the APIs, the rights, a
// namespace, manifests that it takes. Everything that is wrong is found in one go.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "kube/kubectl.hpp"
#include "scale/cluster/manifests.hpp"

namespace iris::scale::cluster {

// The cluster as it was found.
struct ClusterFacts {
  std::string kubectl_version;  // "1.32.4"
  std::string context;          // empty: none; kubectl then knows the cluster from where it runs
  std::string server_version;   // "1.34.1"
};

// Fails with exit status 3, one line for each thing that is missing and how to get it.
Result<ClusterFacts> preflight(const kube::Kubectl& kubectl, const ClusterPlan& plan,
                               const PlanOptions& options, Log& log);

// "v1.32.4-dispatcher" → {1, 32}; {0, 0} for what is no version.
struct Version {
  int major = 0;
  int minor = 0;
  friend auto operator<=>(const Version&, const Version&) = default;
};
Version parse_version(const std::string& text);

}  // namespace iris::scale::cluster
