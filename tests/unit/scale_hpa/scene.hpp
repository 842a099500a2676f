// A small cluster for tests: an autoscaler, its pods and their metrics, and a clock that is set.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "scale/hpa/hpa.hpp"

namespace iris::scale::hpa {

using std::chrono::seconds;

inline WallTime noon() {
  return *parse_rfc3339("2025-01-31T12:00:00Z");
}

inline kube::MetricSpec utilization_metric(std::string name, std::int32_t percent) {
  kube::MetricSpec metric;
  metric.name = std::move(name);
  metric.target.average_utilization = percent;
  return metric;
}

inline kube::MetricSpec value_metric(std::string name, std::int64_t milli) {
  kube::MetricSpec metric;
  metric.name = std::move(name);
  metric.target.average_value = kube::Quantity::from_milli(milli);
  return metric;
}

// A ready pod of one container "main" that has run for an hour.
inline kube::Pod ready_pod(std::string name, std::int64_t cpu_request_milli = 1000) {
  kube::Pod pod;
  pod.metadata.name = std::move(name);
  pod.spec.containers.resize(1);
  pod.spec.containers[0].name = "main";
  pod.spec.containers[0].resources.requests["cpu"] = kube::Quantity::from_milli(cpu_request_milli);
  pod.spec.containers[0].resources.requests["memory"] = kube::Quantity::from_value(1000);
  pod.status.phase = kube::PodPhase::kRunning;
  pod.status.start_time = noon() - std::chrono::hours(1);
  pod.status.conditions = {
      {"Ready", kube::ConditionStatus::kTrue, noon() - std::chrono::minutes(59)}};
  return pod;
}

inline kube::PodMetrics usage(std::string pod, std::int64_t milli,
                              const std::string& resource = "cpu") {
  kube::PodMetrics metrics;
  metrics.metadata.name = std::move(pod);
  metrics.timestamp = noon();
  metrics.window = seconds(15);
  metrics.containers = {{"main", {{resource, kube::Quantity::from_milli(milli)}}}};
  return metrics;
}

struct Scene {
  kube::HorizontalPodAutoscaler hpa;
  std::vector<kube::Pod> pods;
  std::vector<kube::PodMetrics> metrics;
  std::int32_t current = 0;
  WallTime now = noon();
  ControllerConfig config;
  History history;

  Scene() {
    hpa.metadata.name = "web";
    hpa.min_replicas = 1;
    hpa.max_replicas = 100;
    hpa.metrics = {utilization_metric("cpu", 50)};
  }

  // A ready pod that uses `milli` of its 1000 milli of CPU.
  kube::Pod& add(std::int64_t milli) {
    const std::string name = "p" + std::to_string(pods.size());
    metrics.push_back(usage(name, milli));
    return add_without_metric();
  }
  kube::Pod& add_without_metric() {
    pods.push_back(ready_pod("p" + std::to_string(pods.size())));
    current = static_cast<std::int32_t>(pods.size());
    return pods.back();
  }
  // Whose CPU is not looked at: it started a minute ago and is not ready.
  kube::Pod& add_unready(std::int64_t milli) {
    kube::Pod& pod = add(milli);
    pod.status.start_time = now - seconds(60);
    pod.status.conditions[0] = {"Ready", kube::ConditionStatus::kFalse, now - seconds(60)};
    return pod;
  }

  Observation seen() const { return {hpa, pods, metrics, current, now}; }

  // One sync; the history goes on.
  Decision sync() {
    Outcome outcome = decide(seen(), config, std::move(history));
    history = std::move(outcome.history);
    return std::move(outcome.decision);
  }
  // A sync whose result is applied, with as many equal pods, at the given utilization.
  Decision sync_at(std::int32_t replicas, std::int64_t milli_per_pod) {
    pods.clear();
    metrics.clear();
    for (std::int32_t i = 0; i < replicas; ++i) add(milli_per_pod);
    for (auto& one : metrics) one.timestamp = now;
    current = replicas;
    return sync();
  }
};

inline std::string reason_of(const Decision& decision, const std::string& type) {
  for (const auto& condition : decision.conditions) {
    if (condition.type == type) {
      return (condition.status ? "" : "not ") + condition.reason;
    }
  }
  return "none";
}

}  // namespace iris::scale::hpa
