// Pairs of scenarios that differ in one factor, and what the difference made.
#pragma once

#include <string>
#include <vector>

#include "report/records.hpp"

namespace iris::report {

enum class Factor { kMaxReplicas, kConnections };

// `more` has the larger value of the factor; all else that a scenario sets is the same.
struct Comparison {
  Factor factor = Factor::kMaxReplicas;
  const Scenario* more = nullptr;
  const Scenario* less = nullptr;
  Figure steady_ratio;  // requests/s of `more` over those of `less`
  Figure whole_ratio;
  Figure p99_ratio;  // of the probe's latency
};

// The pairs in the order of the scenarios, those by maxReplicas first. They point into `run`.
std::vector<Comparison> compare(const Run& run);

// "max 3 against max 1 at 1,000 connections".
std::string title_of(const Comparison& comparison);

// Requests/s in the steady state and over the whole run, and the probe's latencies; empty when the
// scenario did not end, and latencies also when too few samples or Little's law speak against them.
Figure steady_per_s(const Scenario& scenario);
Figure whole_per_s(const Scenario& scenario);
Figure client_p50_us(const Scenario& scenario);
Figure client_p99_us(const Scenario& scenario);
// Whether Little's law, where it could be checked, says that they can be true.
bool latencies_hold(const Scenario& scenario);

}  // namespace iris::report
