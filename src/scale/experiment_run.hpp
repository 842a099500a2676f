// What every target does with an experiment before and around its scenarios.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "scale/experiment.hpp"
#include "scale/records.hpp"

namespace iris::scale {

// The scenario of that name, or all when it is empty. Points into `experiment`.
Result<std::vector<const Scenario*>> choose_scenarios(const Experiment& experiment,
                                                      const std::string& only);

// The fields of the `run` record that do not depend on the target: what runs, since when, from
// which commit and manifests. `version` is that of this program.
Record run_fields(const Experiment& experiment, const std::vector<std::string>& manifests,
                  const std::string& version, const Clock& clock);

// The last record.
Record run_end_fields(const char* status, const Clock& clock);

}  // namespace iris::scale
