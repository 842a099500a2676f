// One scenario: fresh replicas, one of them ready, then wrk and the probe while the HPA scales;
// every second a sample; at the end the counts are reconciled and all replicas drained.
#pragma once

#include <boost/asio/io_context.hpp>

#include "base/log.hpp"
#include "scale/experiment.hpp"
#include "scale/local/proc_stat.hpp"
#include "scale/local/replica_set.hpp"
#include "scale/outcome.hpp"
#include "scale/records.hpp"

namespace iris::scale::local {

// What all scenarios of a run share.
struct RunContext {
  const Experiment& experiment;
  const ReplicaPlan& plan;
  const CgroupRun* groups;  // null: no limits
  const Machine& machine;
  boost::asio::io_context& io;
  const bool& interrupted;
  const Clock& clock;
  Log& log;
  RecordFile& records;
  double time_scale;
};

// Fails when the run as a whole cannot go on (replicas cannot be started, say); its records are
// closed in any case.
Result<ScenarioOutcome> run_scenario(const Scenario& scenario, const RunContext& context);

}  // namespace iris::scale::local
