// Which pods' metrics count: ready, unready, missing or ignored.
#pragma once

#include <string>
#include <vector>

#include "scale/hpa/hpa.hpp"
#include "scale/hpa/samples.hpp"

namespace iris::scale::hpa {

// Source: replica_calculator.go groupPods. Readiness is looked at for CPU only, because a starting
// pod's CPU is no sign of load, while its memory is.
PodClasses classify(const std::vector<kube::Pod>& pods, const Samples& samples,
                    const std::string& resource, const ControllerConfig& config, WallTime now);

}  // namespace iris::scale::hpa
