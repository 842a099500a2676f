// From records to the handful of numbers that the rules of bottleneck.hpp look at.
#pragma once

#include "report/bottleneck.hpp"
#include "report/records.hpp"

namespace iris::report {

// Replicas that were ready when the load began, and the most that were ready at once.
Figure replicas_start(const Scenario& scenario);
Figure replicas_most(const Scenario& scenario);

// Seconds from the begin of the load until the most replicas were ready; empty without a scale-up.
Figure scale_up_s(const Scenario& scenario);

Evidence evidence_of(const Run& run, const Scenario& scenario);

}  // namespace iris::report
