// What came out of a scenario and of a run, whatever the target was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/probe.hpp"
#include "load/wrk.hpp"
#include "scale/measure.hpp"

namespace iris::scale {

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
  std::optional<load::ProbeCounts> probe;  // none where there is no probe
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

struct RunSummary {
  std::string records_path;
  std::vector<ScenarioOutcome> scenarios;
  bool interrupted = false;  // by SIGINT or SIGTERM

  bool passed() const;
  // Of the run_end record, for a run that went through.
  const char* status() const;
};

}  // namespace iris::scale
