// The HorizontalPodAutoscaler, of autoscaling/v2 or v1: decoded as Go would, with the defaults of
// pkg/apis/autoscaling/v2/defaults.go, validated as the API server does.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kube/hpa_spec.hpp"
#include "kube/readers.hpp"
#include "kube/validate_names.hpp"

namespace iris::kube {
namespace {

using hpa_spec::Metric;
using hpa_spec::Reference;
using hpa_spec::Rules;
using hpa_spec::Source;
using hpa_spec::Spec;
using hpa_spec::Target;

constexpr std::int32_t kLeast = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kDefaultCpuPercent = 80;

// Which values are sensible is the validation's question; here they only have to fit.
std::int32_t read_int32(const Node& node, std::int32_t otherwise) {
  return node.int32_or(otherwise, kLeast);
}

std::optional<std::int32_t> read_optional_int32(const Node& node) {
  if (!node.present()) return std::nullopt;
  return read_int32(node, 0);
}

std::optional<Quantity> read_optional_quantity(const Node& node) {
  if (!node.present()) return std::nullopt;
  return node.signed_quantity();
}

Reference read_reference(const Node& node) {
  return {node["apiVersion"].string_or(""), node["kind"].string_or(""), node["name"].string_or("")};
}

Target read_target(const Node& node) {
  return {node["type"].string_or(""), read_optional_quantity(node["value"]),
          read_optional_quantity(node["averageValue"]),
          read_optional_int32(node["averageUtilization"])};
}

// A source that names its metric, or the resource that it is about.
std::optional<Source> read_source(const Node& node) {
  if (!node.present()) return std::nullopt;
  Source source;
  source.described_object = read_reference(node["describedObject"]);
  source.name = node["metric"]["name"].string_or("");
  source.target = read_target(node["target"]);
  return source;
}

std::optional<Source> read_resource(const Node& node) {
  if (!node.present()) return std::nullopt;
  Source source;
  source.name = node["name"].string_or("");
  source.container = node["container"].string_or("");
  source.target = read_target(node["target"]);
  return source;
}

Metric read_metric(const Node& node) {
  return {node["type"].string_or(""),      read_source(node["object"]),
          read_source(node["external"]),   read_source(node["pods"]),
          read_resource(node["resource"]), read_resource(node["containerResource"])};
}

Metric cpu_metric(std::int32_t percent) {
  Metric metric;
  metric.type = "Resource";
  metric.resource.emplace();
  metric.resource->name = "cpu";
  metric.resource->target.type = "Utilization";
  metric.resource->target.average_utilization = percent;
  return metric;
}

// What the fields say over what `rules` holds by default.
void read_rules(const Node& node, Rules& rules) {
  if (const Node window = node["stabilizationWindowSeconds"]; window.present()) {
    rules.stabilization_window_seconds = read_int32(window, 0);
  }
  rules.select_policy = node["selectPolicy"].string_or(rules.select_policy);
  if (const Node policies = node["policies"]; policies.present()) {
    rules.policies.clear();
    for (const auto& item : policies.items()) {
      rules.policies.push_back({item["type"].string_or(""), read_int32(item["value"], 0),
                                read_int32(item["periodSeconds"], 0)});
    }
  }
  rules.tolerance = read_optional_quantity(node["tolerance"]);
}

// A field of the other version, which the API server does not know and which would change what the
// object means if it were overlooked.
void refuse_unknown(const Node& root, const Node& spec, std::string_view field) {
  if (!spec[field].present()) return;
  root.fail(fmt::format("strict decoding error: unknown field \"spec.{}\"", field));
}

Spec read_spec(const Node& root, bool v1) {
  const Node node = root["spec"];
  Spec spec;
  spec.scale_target = read_reference(node["scaleTargetRef"]);
  spec.min_replicas = read_int32(node["minReplicas"], 1);
  spec.max_replicas = read_int32(node["maxReplicas"], 0);
  if (v1) {
    refuse_unknown(root, node, "metrics");
    refuse_unknown(root, node, "behavior");
    if (const auto percent = read_optional_int32(node["targetCPUUtilizationPercentage"])) {
      spec.metrics.push_back(cpu_metric(*percent));
    }
  } else {
    refuse_unknown(root, node, "targetCPUUtilizationPercentage");
    for (const auto& item : node["metrics"].items()) spec.metrics.push_back(read_metric(item));
    if (const Node behavior = node["behavior"]; behavior.present()) {
      spec.behavior.emplace();
      read_rules(behavior["scaleUp"], spec.behavior->scale_up);
      read_rules(behavior["scaleDown"], spec.behavior->scale_down);
    }
  }
  if (spec.metrics.empty()) spec.metrics.push_back(cpu_metric(kDefaultCpuPercent));
  return spec;
}

// autoscaling/v1 keeps what it has no field for in annotations.
void refuse_annotations(const Node& metadata) {
  const Node annotations = metadata["annotations"];
  for (const char* key :
       {"autoscaling.alpha.kubernetes.io/metrics", "autoscaling.alpha.kubernetes.io/behavior"}) {
    if (!annotations[key].present()) continue;
    annotations.fail(
        fmt::format("expected no {}, which autoscaling/v1 has no field for; ask for the object as "
                    "autoscaling/v2 (kubectl get horizontalpodautoscalers.v2.autoscaling)",
                    key));
  }
}

// From here on the specification is valid.

MetricSpec to_metric(const Metric& metric) {
  const auto made = [](MetricType type, const Source& source) {
    return MetricSpec{
        type,
        source.name,
        source.container,
        {source.target.average_utilization, source.target.average_value, source.target.value}};
  };
  if (metric.object) return made(MetricType::kObject, *metric.object);
  if (metric.external) return made(MetricType::kExternal, *metric.external);
  if (metric.pods) return made(MetricType::kPods, *metric.pods);
  if (metric.resource) return made(MetricType::kResource, *metric.resource);
  return made(MetricType::kContainerResource, *metric.container_resource);
}

ScalingRules to_rules(const Rules& rules) {
  ScalingRules made;
  made.stabilization_window_seconds = rules.stabilization_window_seconds;
  if (rules.select_policy == "Min") made.select_policy = SelectPolicy::kMin;
  if (rules.select_policy == "Disabled") made.select_policy = SelectPolicy::kDisabled;
  for (const auto& policy : rules.policies) {
    const auto type =
        policy.type == "Percent" ? ScalingPolicy::Type::kPercent : ScalingPolicy::Type::kPods;
    made.policies.push_back({type, policy.value, policy.period_seconds});
  }
  if (rules.tolerance) made.tolerance = rules.tolerance->approximate();
  return made;
}

}  // namespace

ScalingRules default_scale_up_rules() {
  return to_rules(hpa_spec::Behavior{}.scale_up);
}

ScalingRules default_scale_down_rules() {
  return to_rules(hpa_spec::Behavior{}.scale_down);
}

void read_into(const Node& root, HorizontalPodAutoscaler& hpa) {
  const Node metadata = root["metadata"];
  hpa.metadata.name = metadata["name"].string_or("");
  hpa.metadata.namespace_name = metadata["namespace"].string_or("");
  const bool v1 = root["apiVersion"].string_or("") == "autoscaling/v1";
  if (v1) refuse_annotations(metadata);
  const Spec spec = read_spec(root, v1);
  if (root.refused()) return;
  const auto faults = hpa_spec::validate(hpa.metadata.name, spec);
  if (!faults.empty()) {
    const std::string all = fmt::format("{}", fmt::join(faults, ", "));
    return root.fail(fmt::format("HorizontalPodAutoscaler.autoscaling {} is invalid: {}",
                                 go_quoted(hpa.metadata.name),
                                 faults.size() == 1 ? all : fmt::format("[{}]", all)));
  }
  hpa.scale_target = {spec.scale_target.api_version, spec.scale_target.kind,
                      spec.scale_target.name};
  hpa.min_replicas = spec.min_replicas;
  hpa.max_replicas = spec.max_replicas;
  for (const auto& metric : spec.metrics) hpa.metrics.push_back(to_metric(metric));
  if (spec.behavior) {
    hpa.behavior.emplace();
    hpa.behavior->scale_up = to_rules(spec.behavior->scale_up);
    hpa.behavior->scale_down = to_rules(spec.behavior->scale_down);
  }
}

}  // namespace iris::kube
