// One sync of the controller: horizontal.go reconcileAutoscaler and computeReplicasForMetrics.
#include <fmt/format.h>

#include <utility>

#include "scale/hpa/behavior.hpp"
#include "scale/hpa/explain.hpp"
#include "scale/hpa/hpa.hpp"
#include "scale/hpa/replicas.hpp"

namespace iris::scale::hpa {
namespace {

const char* failure_reason(kube::MetricType type) {
  switch (type) {
    case kube::MetricType::kResource:
      return "FailedGetResourceMetric";
    case kube::MetricType::kContainerResource:
      return "FailedGetContainerResourceMetric";
    case kube::MetricType::kPods:
      return "FailedGetPodsMetric";
    case kube::MetricType::kObject:
      return "FailedGetObjectMetric";
    case kube::MetricType::kExternal:
      return "FailedGetExternalMetric";
  }
  return "InvalidMetricSourceType";
}

// The layer of computeReplicasForMetric around what went wrong with one metric.
std::string failure(const kube::MetricSpec& metric, std::string_view why) {
  switch (metric.type) {
    case kube::MetricType::kResource:
      return fmt::format("failed to get {} resource metric value: {}", metric.name, why);
    case kube::MetricType::kContainerResource:
      return fmt::format("failed to get {} container metric value: {}", metric.container, why);
    case kube::MetricType::kPods:
      return fmt::format("failed to get pods metric value: {}", why);
    case kube::MetricType::kObject:
      return fmt::format("failed to get object metric value: {}", why);
    case kube::MetricType::kExternal:
      return fmt::format("failed to get {} external metric value: {}", metric.name, why);
  }
  return std::string(why);
}

// What upstream calls the metric that scaling follows.
std::string title(const MetricReading& metric) {
  return fmt::format("{} {}resource{}", metric.name, metric.container.empty() ? "" : "container ",
                     metric.utilization_percent ? " utilization (percentage of request)" : "");
}

// The largest proposal of the valid metrics. False when scaling must not follow it: all are
// invalid, or some are and the rest would scale down.
bool follow_metrics(const Observation& seen, const ControllerConfig& config, Decision& decision) {
  std::size_t invalid = 0;
  std::string first_error;
  Condition first_failure;
  bool have_pods = false;
  for (const auto& metric : seen.hpa.metrics) {
    auto [pods, reading] = propose(metric, seen, config);
    const bool best = reading && (!decision.metric ||
                                  reading->proposed_replicas > decision.metric->proposed_replicas);
    const bool resource = metric.type == kube::MetricType::kResource ||
                          metric.type == kube::MetricType::kContainerResource;
    if (best || (resource && !have_pods)) {
      decision.pods = std::move(pods);
      have_pods = true;
    }
    if (best) {
      decision.metric = std::move(*reading);
    } else if (!reading && invalid++ == 0) {
      const std::string& why = reading.error().message;
      first_error = failure(metric, why);
      first_failure = {"ScalingActive", false, failure_reason(metric.type),
                       fmt::format("the HPA was unable to compute the replica count: {}", why)};
    }
  }
  if (invalid > 0) {
    decision.error = fmt::format("invalid metrics ({} invalid out of {}), first error is: {}",
                                 invalid, seen.hpa.metrics.size(), first_error);
  }
  if (!decision.metric ||
      (invalid > 0 && decision.metric->proposed_replicas < seen.current_replicas)) {
    decision.metric.reset();
    decision.conditions.push_back(std::move(first_failure));
    return false;
  }
  decision.conditions.push_back(
      {"ScalingActive", true, "ValidMetricFound",
       fmt::format("the HPA was able to successfully calculate a replica count from {}",
                   title(*decision.metric))});
  return true;
}

void decide_by_metrics(const Observation& seen, const ControllerConfig& config, Decision& decision,
                       History& history) {
  if (!follow_metrics(seen, config, decision)) return;
  Normalized normalized = normalize(seen, config, decision.metric->proposed_replicas, history);
  decision.stabilized = normalized.stabilized;
  decision.desired_replicas = normalized.desired;
  decision.limited_by = normalized.limited_by;
  if (!decision.limited_by && decision.metric->basis == Basis::kTolerance) {
    decision.limited_by = Limit::kTolerance;
  }
  decision.conditions.front() = std::move(normalized.able_to_scale);
  decision.conditions.push_back(std::move(normalized.scaling_limited));
}

}  // namespace

const char* to_string(Limit limit) {
  switch (limit) {
    case Limit::kTolerance:
      return "tolerance";
    case Limit::kStabilization:
      return "stabilization";
    case Limit::kPolicy:
      return "policy";
    case Limit::kMinReplicas:
      return "minReplicas";
    case Limit::kMaxReplicas:
      return "maxReplicas";
  }
  return "unknown";
}

Outcome decide(const Observation& seen, const ControllerConfig& config, History history) {
  Decision decision;
  const std::int32_t current = seen.current_replicas;
  decision.current_replicas = current;
  decision.desired_replicas = current;
  decision.conditions.push_back({"AbleToScale", true, "SucceededGetScale",
                                 "the HPA controller was able to get the target's current scale"});
  // A controller that has just started cannot scale down for one window.
  if (history.recommendations.empty()) history.recommendations.push_back({seen.now, current});

  if (current == 0 && seen.hpa.min_replicas != 0) {
    decision.conditions.push_back(
        {"ScalingActive", false, "ScalingDisabled",
         "scaling is disabled since the replica count of the target is zero"});
  } else if (current > seen.hpa.max_replicas) {
    decision.desired_replicas = seen.hpa.max_replicas;
    decision.limited_by = Limit::kMaxReplicas;
  } else if (current < seen.hpa.min_replicas) {
    decision.desired_replicas = seen.hpa.min_replicas;
    decision.limited_by = Limit::kMinReplicas;
  } else {
    decide_by_metrics(seen, config, decision, history);
  }

  if (decision.desired_replicas != current) {
    decision.conditions.front() = {
        "AbleToScale", true, "SucceededRescale",
        fmt::format("the HPA controller was able to update the target scale to {}",
                    decision.desired_replicas)};
    remember_scaling(seen, decision.desired_replicas, history);
  }
  decision.because = explain(decision, tolerances_of(seen.hpa, config));
  return {std::move(decision), std::move(history)};
}

}  // namespace iris::scale::hpa
