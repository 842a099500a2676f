// How many replicas one metric proposes, before stabilization and limits.
#pragma once

#include "scale/hpa/hpa.hpp"

namespace iris::scale::hpa {

struct Tolerances {
  double down = 0;
  double up = 0;
  bool holds(double ratio) const { return (1.0 - down) <= ratio && ratio <= (1.0 + up); }
};

// The controller's tolerance, overridden per direction by `behavior`.
Tolerances tolerances_of(const kube::HorizontalPodAutoscaler& hpa, const ControllerConfig& config);

struct Proposal {
  PodClasses pods;
  Result<MetricReading> reading;  // the error in upstream's words
};

// A Resource or ContainerResource metric; the other types have no source here and are errors.
// Source: replica_calculator.go GetResourceReplicas, calcPlainMetricReplicas; horizontal.go
// computeStatusForResourceMetricGeneric.
Proposal propose(const kube::MetricSpec& metric, const Observation& seen,
                 const ControllerConfig& config);

}  // namespace iris::scale::hpa
