// A HorizontalPodAutoscaler as it was written, with upstream's defaults but before anything is made
// of its words: what the API server's validation looks at. Internal to kube/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kube/quantity.hpp"

namespace iris::kube::hpa_spec {

// An empty text is a field that was left out, as in Go.
struct Reference {
  std::string api_version;
  std::string kind;
  std::string name;
};

struct Target {
  std::string type;
  std::optional<Quantity> value;
  std::optional<Quantity> average_value;
  std::optional<std::int32_t> average_utilization;
};

struct Source {
  Reference described_object;  // of an Object metric
  std::string name;            // of the resource or the metric
  std::string container;       // of a ContainerResource metric
  Target target;
};

struct Metric {
  std::string type;
  std::optional<Source> object;
  std::optional<Source> external;
  std::optional<Source> pods;
  std::optional<Source> resource;
  std::optional<Source> container_resource;
};

struct Policy {
  std::string type;
  std::int32_t value = 0;
  std::int32_t period_seconds = 0;
};

struct Rules {
  std::optional<std::int32_t> stabilization_window_seconds;
  std::string select_policy = "Max";
  std::vector<Policy> policies;
  std::optional<Quantity> tolerance;
};

struct Behavior {
  Rules scale_up{0, "Max", {{"Pods", 4, 15}, {"Percent", 100, 15}}, std::nullopt};
  Rules scale_down{std::nullopt, "Max", {{"Percent", 100, 15}}, std::nullopt};
};

struct Spec {
  Reference scale_target;
  std::int32_t min_replicas = 1;
  std::int32_t max_replicas = 0;
  std::vector<Metric> metrics;
  std::optional<Behavior> behavior;
};

// What the API server says against it, each as "field: what", in its words and its order; empty
// when it takes the object. minReplicas may be 0, as with the feature gate HPAScaleToZero.
// Source: pkg/apis/autoscaling/validation/validation.go at 1.34.
std::vector<std::string> validate(const std::string& name, const Spec& spec);

}  // namespace iris::kube::hpa_spec
