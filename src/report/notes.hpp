// The parts of the report that explain: what happened, what the terms mean, where it comes from.
#pragma once

#include <string>
#include <vector>

#include "report/records.hpp"
#include "report/summary.hpp"

namespace iris::report {

// What did not go as planned, one sentence each: lost replicas, failures, interruptions, cut files.
std::vector<std::string> happened_in(const Run& run);

// The terms that the figures stand under, with this run's own figures.
Entries notes_on(const Run& run);

// What was run, and on what.
Entries provenance_of(const Run& run);

}  // namespace iris::report
