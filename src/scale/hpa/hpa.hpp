// The HorizontalPodAutoscaler's decision as arithmetic: no clock, no input or output.
//
//   hpa::History history;                       // empty: a controller that has just started
//   auto [decision, next] =
//       hpa::decide({hpa, pods, metrics, current, now}, {}, std::move(history));
//   if (decision.desired_replicas != decision.current_replicas) scale(decision.desired_replicas);
//   history = std::move(next);                  // for the next sync
//
// Times are whatever the caller's `now`, pods and metrics agree on: a simulation or a run with a
// time scale passes its own time line, and every period of the specification keeps its meaning.
//
// Source: kubernetes/kubernetes v1.34 pkg/controller/podautoscaler (horizontal.go,
// replica_calculator.go, metrics/utilization.go). Floating-point operations stand in upstream's
// order, so that decisions agree to the last bit. Where this differs from 1.34:
// - A ContainerResource metric whose container a pod's spec lacks is an error, as from 1.35; 1.34
//   takes the pod's request as 0, which overstates the utilization.
// - behavior.*.tolerance is honoured (feature gate HPAConfigurableTolerance, on from 1.35), and
//   minReplicas may be 0 beside an Object or External metric (HPAScaleToZero).
// - Pods, Object and External metrics have no source here and count as invalid.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "kube/objects.hpp"

namespace iris::scale::hpa {

// The flags of kube-controller-manager, with their defaults.
struct ControllerConfig {
  double tolerance = 0.1;
  Nanoseconds sync_period = std::chrono::seconds(15);  // for the caller's loop
  Nanoseconds cpu_initialization_period = std::chrono::seconds(300);
  Nanoseconds initial_readiness_delay = std::chrono::seconds(30);
  Nanoseconds downscale_stabilization = std::chrono::seconds(300);
  double scale_up_limit_factor = 2.0;  // the limits of an HPA without `behavior`
  double scale_up_limit_minimum = 4.0;
};

struct Recommendation {
  WallTime at;
  std::int32_t replicas = 0;
};

struct ScaleEvent {
  WallTime at;
  std::int32_t change = 0;  // replicas added or removed; never negative
};

// What the controller remembers between two syncs.
struct History {
  std::vector<Recommendation> recommendations;
  std::vector<ScaleEvent> scale_up_events;
  std::vector<ScaleEvent> scale_down_events;
};

// What one sync sees. The references must outlive the call.
struct Observation {
  const kube::HorizontalPodAutoscaler& hpa;
  const std::vector<kube::Pod>& pods;  // all that the target's selector matches
  const std::vector<kube::PodMetrics>& metrics;
  std::int32_t current_replicas = 0;  // spec.replicas of the target
  WallTime now;
};

// Names of pods, in the order of Observation::pods.
struct PodClasses {
  std::vector<std::string> ready;
  std::vector<std::string> unready;
  std::vector<std::string> missing;  // no metric
  std::vector<std::string> ignored;  // being deleted, or failed
};

// How a proposal came about.
enum class Basis {
  kRatio,      // counted pods × ratio, rounded up
  kTolerance,  // the ratio is near enough to 1: the current count
  kTurned,     // with gaps filled the direction would turn: the current count
};

struct MetricReading {
  std::string name;       // "cpu"
  std::string container;  // for ContainerResource, else empty
  // Percent of requests; null for a metric with a target value.
  std::optional<std::int32_t> utilization_percent;
  std::optional<std::int32_t> target_percent;
  std::optional<std::int64_t> target_milli;
  std::int64_t average_milli = 0;  // usage per pod
  double ratio = 0;                // usage over target, of the pods with a usable metric
  // The ratio with gaps filled in for missing and unready pods, when there were such.
  std::optional<double> filled_ratio;
  std::int64_t counted_pods = 0;       // what the ratio was multiplied by
  std::int32_t proposed_replicas = 0;  // before stabilization and limits
  Basis basis = Basis::kRatio;
};

// A condition of the HPA's status, in upstream's own words.
struct Condition {
  std::string type;  // AbleToScale, ScalingActive, ScalingLimited
  bool status = false;
  std::string reason;
  std::string message;
};

// What kept the decision from what the metrics propose; the last step that did.
enum class Limit {
  kTolerance,
  kStabilization,
  kPolicy,  // a rate limit of `behavior`, or the one that stands without it
  kMinReplicas,
  kMaxReplicas,
};
// The words of docs/records.md: tolerance, stabilization, policy, minReplicas, maxReplicas.
const char* to_string(Limit limit);

struct Decision {
  std::int32_t current_replicas = 0;
  std::int32_t desired_replicas = 0;
  std::optional<MetricReading> metric;     // the one with the largest proposal, if any is valid
  std::optional<std::int32_t> stabilized;  // the proposal after the stabilization window
  std::optional<Limit> limited_by;
  PodClasses pods;  // as `metric` saw them; on an error, as the first resource metric did
  std::vector<Condition> conditions;
  std::string because;               // one sentence with the figures
  std::optional<std::string> error;  // some metric could not be computed, in upstream's words
};

struct Outcome {
  Decision decision;
  History history;
};

// One sync. An unusable metric is a decision too: to stay, with `error` and a condition set.
Outcome decide(const Observation& seen, const ControllerConfig& config, History history);

}  // namespace iris::scale::hpa
