// From a proposal to a decision: stabilization windows, rate limits, and the memory both need.
#pragma once

#include <cstdint>
#include <optional>

#include "scale/hpa/hpa.hpp"

namespace iris::scale::hpa {

struct Normalized {
  std::int32_t stabilized = 0;
  std::int32_t desired = 0;
  std::optional<Limit> limited_by;
  Condition able_to_scale;
  Condition scaling_limited;
};

// Applies the HPA's `behavior`, or what stands without one, to what the metrics propose, and
// remembers the proposal. Source: horizontal.go normalizeDesiredReplicas[WithBehaviors].
Normalized normalize(const Observation& seen, const ControllerConfig& config, std::int32_t proposed,
                     History& history);

// Remembers a change of replicas, which later rate limits count. Without `behavior` nothing asks
// for it, and nothing is kept. Source: horizontal.go storeScaleEvent.
void remember_scaling(const Observation& seen, std::int32_t desired, History& history);

}  // namespace iris::scale::hpa
