// The HorizontalPodAutoscaler, with the defaults of pkg/apis/autoscaling/v2/defaults.go and the
// bounds of pkg/apis/autoscaling/validation.
#include "kube/readers.hpp"

namespace iris::kube {
namespace {

constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();

MetricTarget read_target(const Node& node) {
  MetricTarget target;
  if (const Node percent = node["averageUtilization"]; percent.present()) {
    target.average_utilization = percent.int32_or(0, 1);
  }
  const auto positive = [](const Node& field) -> std::optional<Quantity> {
    if (!field.present()) return std::nullopt;
    const Quantity quantity = field.quantity();
    if (quantity == Quantity{}) field.expected("a quantity above 0");
    return quantity;
  };
  target.average_value = positive(node["averageValue"]);
  target.value = positive(node["value"]);
  if (!target.average_utilization && !target.average_value && !target.value) {
    node.fail("expected averageUtilization, averageValue or value, found none of them");
  }
  if (target.average_utilization && target.average_value) {
    node.fail("expected one of averageUtilization and averageValue, found both");
  }
  return target;
}

MetricSpec read_metric(const Node& node) {
  MetricSpec metric;
  const std::string type = node["type"].string();
  if (type == "Resource") {
    const Node source = node["resource"];
    metric.name = source["name"].string();
    metric.target = read_target(source["target"]);
  } else if (type == "ContainerResource") {
    metric.type = MetricType::kContainerResource;
    const Node source = node["containerResource"];
    metric.name = source["name"].string();
    metric.container = source["container"].string();
    metric.target = read_target(source["target"]);
  } else if (type == "Pods") {
    metric.type = MetricType::kPods;
    metric.name = node["pods"]["metric"]["name"].string();
    metric.target = read_target(node["pods"]["target"]);
  } else if (type == "Object") {
    metric.type = MetricType::kObject;
    metric.name = node["object"]["metric"]["name"].string();
    metric.target = read_target(node["object"]["target"]);
  } else if (type == "External") {
    metric.type = MetricType::kExternal;
    metric.name = node["external"]["metric"]["name"].string();
    metric.target = read_target(node["external"]["target"]);
  } else {
    node["type"].expected("Resource, ContainerResource, Pods, Object or External");
  }
  return metric;
}

ScalingPolicy read_policy(const Node& node) {
  ScalingPolicy policy;
  const std::string type = node["type"].string();
  if (type == "Percent") {
    policy.type = ScalingPolicy::Type::kPercent;
  } else if (type != "Pods") {
    node["type"].expected("Pods or Percent");
  }
  policy.value = static_cast<std::int32_t>(node["value"].integer(1, kMost));
  policy.period_seconds = static_cast<std::int32_t>(node["periodSeconds"].integer(1, 1800));
  return policy;
}

// What the fields say over what `rules` holds.
void read_rules(const Node& node, ScalingRules& rules) {
  if (const Node window = node["stabilizationWindowSeconds"]; window.present()) {
    rules.stabilization_window_seconds = window.int32_or(0, 0, 3600);
  }
  if (const Node select = node["selectPolicy"]; select.present()) {
    const std::string name = select.string();
    if (name == "Max") {
      rules.select_policy = SelectPolicy::kMax;
    } else if (name == "Min") {
      rules.select_policy = SelectPolicy::kMin;
    } else if (name == "Disabled") {
      rules.select_policy = SelectPolicy::kDisabled;
    } else {
      select.expected("Max, Min or Disabled");
    }
  }
  if (const Node policies = node["policies"]; policies.present()) {
    rules.policies.clear();
    for (const auto& item : policies.items()) rules.policies.push_back(read_policy(item));
    if (rules.policies.empty()) policies.fail("expected at least one policy, found none");
  }
  if (const Node tolerance = node["tolerance"]; tolerance.present()) {
    rules.tolerance = tolerance.quantity().approximate();
  }
}

}  // namespace

ScalingRules default_scale_up_rules() {
  ScalingRules rules;
  rules.stabilization_window_seconds = 0;
  rules.policies = {{ScalingPolicy::Type::kPods, 4, 15}, {ScalingPolicy::Type::kPercent, 100, 15}};
  return rules;
}

ScalingRules default_scale_down_rules() {
  ScalingRules rules;
  rules.policies = {{ScalingPolicy::Type::kPercent, 100, 15}};
  return rules;
}

void read_into(const Node& root, HorizontalPodAutoscaler& hpa) {
  hpa.metadata = read_metadata(root["metadata"]);
  const Node spec = root["spec"];
  const Node target = spec["scaleTargetRef"];
  hpa.scale_target = {target["apiVersion"].string_or(""), target["kind"].string(),
                      target["name"].string()};
  hpa.min_replicas = spec["minReplicas"].int32_or(1);
  hpa.max_replicas = static_cast<std::int32_t>(spec["maxReplicas"].integer(1, kMost));
  if (hpa.max_replicas < hpa.min_replicas) {
    spec["maxReplicas"].expected("a number that is not below minReplicas");
  }
  for (const auto& item : spec["metrics"].items()) hpa.metrics.push_back(read_metric(item));
  if (hpa.metrics.empty()) {
    MetricSpec cpu;
    cpu.name = "cpu";
    cpu.target.average_utilization = 80;
    hpa.metrics.push_back(cpu);
  }
  if (const Node behavior = spec["behavior"]; behavior.present()) {
    hpa.behavior.emplace();
    read_rules(behavior["scaleUp"], hpa.behavior->scale_up);
    read_rules(behavior["scaleDown"], hpa.behavior->scale_down);
  }
}

}  // namespace iris::kube
