// What a run must be allowed to do, and whether it is (SelfSubjectAccessReview).
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "kube/kubectl.hpp"
#include "scale/cluster/manifests.hpp"

namespace iris::scale::cluster {

struct Right {
  std::string verb;
  std::string group;     // empty: the core group
  std::string resource;  // "pods"
  std::string subresource{};
  bool cluster_wide = false;  // namespaces

  // "get pods/proxy", "create deployments.apps": as `kubectl auth can-i` takes it.
  std::string text() const;
};

std::vector<Right> rights_needed(const ClusterPlan& plan, const PlanOptions& options);

// Those of `rights` that the user does not have. One call; nothing is changed by it.
Result<std::vector<Right>> missing_rights(const kube::Kubectl& kubectl,
                                          const std::vector<Right>& rights,
                                          const std::string& namespace_name);

}  // namespace iris::scale::cluster
