// A decision in one sentence, with the figures it came from.
#pragma once

#include <string>

#include "scale/hpa/hpa.hpp"
#include "scale/hpa/replicas.hpp"

namespace iris::scale::hpa {

// "cpu at 498 % of requests against a target of 60 %: 1 × 8.30 → 9, limited to 3 by maxReplicas"
std::string explain(const Decision& decision, const Tolerances& tolerances);

}  // namespace iris::scale::hpa
