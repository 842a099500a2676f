// What a run has changed on the cluster, so that it can be undone: the cluster is left as it was
// found. Whatever might have been made counts as made: a call that was cut off may have arrived.
//
//   Changes changes(session, options);
//   if (auto made = changes.begin(plan.namespace_object); !made) …;   // every failure from here
//   on: changes.apply(objects); changes.undo();                                       // at the
//   end, however it ended
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "scale/cluster/manifests.hpp"
#include "scale/cluster/session.hpp"

namespace iris::scale::cluster {

class Changes {
 public:
  Changes(const Session& session, const PlanOptions& options)
      : session_(session), options_(options) {}

  // Makes the run's own namespace, if it has one.
  Result<void> begin(const json& namespace_object);
  // Creates or updates; what stood there before is remembered.
  Result<void> apply(const std::vector<json>& objects);
  // Deletes one of those at once; nothing when it is not there.
  Result<void> remove(const json& object);
  // Sets a Deployment's replicas.
  Result<void> set_replicas(const json& deployment, std::int32_t replicas);

  // Deletes what was made, puts back what was there, and waits until it is so, at most `patience`.
  // Not to be interrupted. The message says what was done.
  Result<std::string> undo(Nanoseconds patience);
  // What to do by hand instead.
  std::string by_hand() const;
  bool nothing_made() const { return !namespace_made_ && touched_.empty(); }

 private:
  Result<void> remember(const std::vector<json>& objects);
  Result<std::string> delete_namespace(SteadyTime deadline);
  Result<std::string> restore(SteadyTime deadline);
  // Until it succeeds, the deadline passes, or the cluster refuses.
  kube::KubectlAnswer insist(const kube::KubectlCall& call, SteadyTime deadline) const;
  kube::KubectlCall call(std::vector<std::string> arguments, const json* input = nullptr) const;

  const Session& session_;
  const PlanOptions& options_;
  bool namespace_made_ = false;
  // By kind and name, in a namespace that was given: what was touched, and how it was before (null:
  // it was not there).
  std::map<std::string, json> touched_;
  std::map<std::string, json> before_;
};

}  // namespace iris::scale::cluster
