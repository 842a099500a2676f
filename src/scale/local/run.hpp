// A whole experiment on this machine: checks what it needs, runs the scenarios one after the other
// and writes the records.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "scale/local/scenario_run.hpp"
#include "scale/outcome.hpp"

namespace iris::scale::local {

struct RunOptions {
  std::string serve_program;  // what the replicas run
  std::string out_folder;
  std::string version;  // of this program
  std::string only;     // a scenario's name; empty: all
  bool limits = true;
  std::optional<double> cpu_factor;
};

// The experiment's time scale and duration are those in effect (flags have been applied).
Result<RunSummary> run_experiment(const Experiment& experiment, const RunOptions& options,
                                  const Clock& clock, Log& log);

}  // namespace iris::scale::local
