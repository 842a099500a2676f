// A whole experiment on a cluster, the one of kubectl's current context: finds out what it lacks,
// applies the manifests, runs the scenarios one after the other, writes the records, and leaves the
// cluster as it was found.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "scale/cluster/preflight.hpp"
#include "scale/experiment.hpp"
#include "scale/outcome.hpp"

namespace iris::scale::cluster {

struct ClusterOptions {
  std::string kubectl = "kubectl";  // the program
  std::string run_id;               // of this run alone: lower-case letters and digits
  std::string namespace_name;       // empty: one of the run's own
  bool keep = false;                // leave everything as the run made it
  std::string image;                // of the Deployment; empty: as the manifest has it
  std::string load_image;           // of the Jobs; empty: as the manifest has it
  Nanoseconds step_timeout = std::chrono::minutes(5);
  Nanoseconds poll = std::chrono::seconds(2);
  std::string out_folder;
  std::string version;  // of this program
  std::string only;     // a scenario's name; empty: all
};

// Only what has to hold before a run: changes nothing.
Result<ClusterFacts> check_cluster(const Experiment& experiment, const ClusterOptions& options,
                                   Log& log);

// The experiment's duration is the one in effect (flags have been applied); its time scale is of no
// meaning here.
Result<RunSummary> run_experiment(const Experiment& experiment, const ClusterOptions& options,
                                  const Clock& clock, Log& log);

}  // namespace iris::scale::cluster
