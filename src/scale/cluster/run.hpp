// A whole experiment on a cluster, the one of kubectl's current context.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "scale/cluster/preflight.hpp"
#include "scale/experiment.hpp"

namespace iris::scale::cluster {

struct ClusterOptions {
  std::string kubectl = "kubectl";  // the program
  std::string run_id;               // of this run alone: lower-case letters and digits
  std::string namespace_name;       // empty: one of the run's own
  std::string image;                // of the Deployment; empty: as the manifest has it
  std::string load_image;           // of the Jobs; empty: as the manifest has it
};

// Only what has to hold before a run: changes nothing.
Result<ClusterFacts> check_cluster(const Experiment& experiment, const ClusterOptions& options,
                                   Log& log);

}  // namespace iris::scale::cluster
