// One scenario on a cluster: the replicas brought to the HPA's minimum, a fresh HPA, then the load
// Job while the cluster scales; at each look a sample; at the end the counts are reconciled.
#pragma once

#include "scale/cluster/changes.hpp"
#include "scale/cluster/session.hpp"
#include "scale/experiment.hpp"
#include "scale/outcome.hpp"
#include "scale/records.hpp"

namespace iris::scale::cluster {

// What all scenarios of a run share.
struct RunContext {
  const Session& session;
  Changes& changes;
  const kube::Deployment& deployment;  // as the manifest has it
  const kube::Container& service;      // of its pods
  const json& deployment_object;       // as it was applied
  Nanoseconds connection_age;          // the oldest that a connection gets
  RecordFile& records;
};

// Fails when the run as a whole cannot go on (the cluster is lost, replicas do not come up); its
// records are closed in any case. What it made is left for Changes to undo.
Result<ScenarioOutcome> run_scenario(const Scenario& scenario, const ScenarioPlan& plan,
                                     const RunContext& context);

}  // namespace iris::scale::cluster
