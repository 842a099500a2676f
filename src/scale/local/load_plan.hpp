// From a Job to a load on this machine: wrk's arguments, its script in a file of its own, and the
// probe beside it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "load/probe.hpp"
#include "load/wrk.hpp"
#include "scale/experiment.hpp"

namespace iris::scale::local {

struct LoadPlan {
  load::WrkOptions wrk;
  load::ProbeOptions probe;
  std::vector<std::string> job_argv;  // as the Job has it
  Fd script;                          // what wrk.script names
};

// wrk as the Job has it, against 127.0.0.1:port instead of the Service; the experiment's duration
// wins over the Job's. Errors name the manifest and the field.
Result<LoadPlan> plan_load(const Experiment& experiment, const Scenario& scenario,
                           std::uint16_t port);

}  // namespace iris::scale::local
