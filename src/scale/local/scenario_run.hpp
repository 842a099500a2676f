// One scenario: fresh replicas, one of them ready, then wrk and the probe while the HPA scales;
// every second a sample; at the end the counts are reconciled and all replicas drained.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "scale/experiment.hpp"
#include "scale/local/proc_stat.hpp"
#include "scale/local/replica_set.hpp"
#include "scale/measure.hpp"
#include "scale/record_fields.hpp"

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

enum class ScenarioStatus { kOk, kFailed, kInterrupted };
const char* to_string(ScenarioStatus status);

struct ScenarioOutcome {
  std::string name;
  std::int64_t connections = 0;
  std::int32_t max_replicas = 0;
  int replicas_max = 0;  // ready at a time
  ScenarioStatus status = ScenarioStatus::kOk;
  std::string reason;  // why it failed
  std::optional<load::WrkReport> load;
  load::ProbeCounts probe;
  std::uint64_t failed_requests = 0;
  std::optional<Span> steady;
  Reconciliation reconciliation;
  bool objective_missed = false;

  // Whether everything that a scenario promises held.
  bool passed() const {
    return status == ScenarioStatus::kOk && failed_requests == 0 && reconciliation.ok &&
           !objective_missed;
  }
};

// Fails when the run as a whole cannot go on (replicas cannot be started, say); its records are
// closed in any case.
Result<ScenarioOutcome> run_scenario(const Scenario& scenario, const RunContext& context);

}  // namespace iris::scale::local
