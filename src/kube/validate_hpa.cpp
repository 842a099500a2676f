// The API server's validation of a HorizontalPodAutoscaler. The order of the checks is upstream's,
// because the order of the messages is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "kube/hpa_spec.hpp"
#include "kube/validate_names.hpp"

namespace iris::kube::hpa_spec {
namespace {

constexpr std::int32_t kMostPeriodSeconds = 1800;
constexpr std::int32_t kMostStabilizationSeconds = 3600;

std::string child(std::string_view path, std::string_view field) {
  return fmt::format("{}.{}", path, field);
}

// Collects messages in the forms of apimachinery's field.Error, each of them once.
class Findings {
 public:
  void required(const std::string& path, std::string_view what) {
    add(what.empty() ? fmt::format("{}: Required value", path)
                     : fmt::format("{}: Required value: {}", path, what));
  }
  void invalid(const std::string& path, std::int32_t value, std::string_view what) {
    add(fmt::format("{}: Invalid value: {}: {}", path, value, what));
  }
  void invalid(const std::string& path, const std::string& value, std::string_view what) {
    add(fmt::format("{}: Invalid value: {}: {}", path, go_quoted(value), what));
  }
  void invalid(const std::string& path, const std::string& value,
               const std::vector<std::string>& whats) {
    for (const auto& what : whats) invalid(path, value, what);
  }
  void forbidden(const std::string& path, std::string_view what) {
    add(fmt::format("{}: Forbidden: {}", path, what));
  }
  void unsupported(const std::string& path, const std::string& value, std::string_view known) {
    add(fmt::format("{}: Unsupported value: {}: supported values: {}", path, go_quoted(value),
                    known));
  }
  std::vector<std::string> take() { return std::move(messages_); }

 private:
  void add(std::string message) {
    if (std::find(messages_.begin(), messages_.end(), message) == messages_.end()) {
      messages_.push_back(std::move(message));
    }
  }

  std::vector<std::string> messages_;
};

void check_reference(const Reference& reference, const std::string& path, bool group_needed,
                     Findings& findings) {
  const auto segment = [&](const std::string& field, const std::string& value) {
    if (value.empty()) return findings.required(field, "");
    findings.invalid(field, value, path_segment_faults(value));
  };
  segment(child(path, "kind"), reference.kind);
  segment(child(path, "name"), reference.name);
  const std::string& version = reference.api_version;
  const auto slashes = std::count(version.begin(), version.end(), '/');
  if (slashes > 1) {
    findings.invalid(child(path, "apiVersion"), version,
                     fmt::format("unexpected GroupVersion string: {}", version));
  } else if (group_needed && (slashes == 0 || version.front() == '/')) {
    findings.invalid(child(path, "apiVersion"), version, "apiVersion must specify API group");
  }
}

void check_target(const Target& target, const std::string& path, Findings& findings) {
  const std::string type = child(path, "type");
  if (target.type.empty()) findings.required(type, "must specify a metric target type");
  if (target.type != "Utilization" && target.type != "Value" && target.type != "AverageValue") {
    findings.invalid(type, target.type, "must be either Utilization, Value, or AverageValue");
  }
  const auto positive = [&](const char* field, const std::optional<Quantity>& quantity) {
    if (quantity && !quantity->positive()) {
      findings.invalid(child(path, field), quantity->to_string(), "must be positive");
    }
  };
  positive("value", target.value);
  positive("averageValue", target.average_value);
  if (target.average_utilization && *target.average_utilization < 1) {
    findings.invalid(child(path, "averageUtilization"), *target.average_utilization,
                     "must be greater than 0");
  }
}

void check_identifier(const Source& source, const std::string& path, Findings& findings) {
  const std::string name = child(path, "metric.name");
  if (source.name.empty()) return findings.required(name, "must specify a metric name");
  findings.invalid(name, source.name, path_segment_faults(source.name));
}

void check_object(const Source& source, const std::string& path, Findings& findings) {
  check_reference(source.described_object, child(path, "describedObject"), false, findings);
  check_identifier(source, path, findings);
  check_target(source.target, child(path, "target"), findings);
  if (!source.target.value && !source.target.average_value) {
    findings.required(child(path, "target.averageValue"),
                      "must set either a target value or averageValue");
  }
}

void check_external(const Source& source, const std::string& path, Findings& findings) {
  check_identifier(source, path, findings);
  check_target(source.target, child(path, "target"), findings);
  if (!source.target.value && !source.target.average_value) {
    findings.required(child(path, "target.averageValue"),
                      "must set either a target value for metric or a per-pod target");
  }
  if (source.target.value && source.target.average_value) {
    findings.forbidden(child(path, "target.value"),
                       "may not set both a target value for metric and a per-pod target");
  }
}

void check_pods(const Source& source, const std::string& path, Findings& findings) {
  check_identifier(source, path, findings);
  check_target(source.target, child(path, "target"), findings);
  if (!source.target.average_value) {
    findings.required(child(path, "target.averageValue"),
                      "must specify a positive target averageValue");
  }
}

void check_resource_target(const Source& source, const std::string& path, Findings& findings) {
  check_target(source.target, child(path, "target"), findings);
  if (!source.target.average_utilization && !source.target.average_value) {
    findings.required(child(path, "target.averageUtilization"),
                      "must set either a target raw value or a target utilization");
  }
  if (source.target.average_utilization && source.target.average_value) {
    findings.forbidden(child(path, "target.averageValue"),
                       "may not set both a target raw value and a target utilization");
  }
}

void check_resource(const Source& source, const std::string& path, Findings& findings) {
  if (source.name.empty()) findings.required(child(path, "name"), "must specify a resource name");
  check_resource_target(source, path, findings);
}

void check_container_resource(const Source& source, const std::string& path, Findings& findings) {
  const std::string name = child(path, "name");
  if (source.name.empty()) {
    findings.required(name, "must specify a resource name");
  } else {
    findings.invalid(name, source.name, container_resource_faults(source.name));
  }
  const std::string container = child(path, "container");
  if (source.container.empty()) {
    findings.required(container, "must specify a container");
  } else {
    findings.invalid(container, source.container, dns_label_faults(source.container));
  }
  check_resource_target(source, path, findings);
}

// One kind of source: its `type`, its field, and where and how it is checked.
struct Kind {
  const char* type;
  const char* field;
  std::optional<Source> Metric::*source;
  void (*check)(const Source&, const std::string&, Findings&);
};

constexpr std::array kKinds = {Kind{"Object", "object", &Metric::object, check_object},
                               Kind{"External", "external", &Metric::external, check_external},
                               Kind{"Pods", "pods", &Metric::pods, check_pods},
                               Kind{"Resource", "resource", &Metric::resource, check_resource},
                               Kind{"ContainerResource", "containerResource",
                                    &Metric::container_resource, check_container_resource}};

void check_metric(const Metric& metric, const std::string& path, Findings& findings) {
  const std::string type = child(path, "type");
  if (metric.type.empty()) findings.required(type, "must specify a metric source type");
  const auto own = std::find_if(kKinds.begin(), kKinds.end(),
                                [&](const Kind& kind) { return metric.type == kind.type; });
  if (own == kKinds.end()) {
    findings.unsupported(type, metric.type,
                         R"("ContainerResource", "External", "Object", "Pods", "Resource")");
  }
  // Only the first source that is there is looked into.
  std::size_t present = 0;
  for (const auto& kind : kKinds) {
    const auto& source = metric.*kind.source;
    if (source && ++present == 1) kind.check(*source, child(path, kind.field), findings);
  }
  if (own != kKinds.end() && !(metric.*own->source)) {
    findings.required(child(path, own->field),
                      "must populate information for the given metric source");
  }
  if (present == 1) return;
  for (const auto& kind : kKinds) {
    if (!(metric.*kind.source) || metric.type == kind.type) continue;
    findings.forbidden(child(path, kind.field), "must populate the given metric source only");
  }
}

void check_metrics(const Spec& spec, const std::string& path, Findings& findings) {
  bool can_be_zero = false;
  for (std::size_t i = 0; i < spec.metrics.size(); ++i) {
    check_metric(spec.metrics[i], fmt::format("{}[{}]", path, i), findings);
    const std::string& type = spec.metrics[i].type;
    can_be_zero = can_be_zero || type == "Object" || type == "External";
  }
  if (spec.min_replicas == 0 && !can_be_zero) {
    findings.forbidden(path,
                       "must specify at least one Object or External metric to support scaling to "
                       "zero replicas");
  }
}

void check_policy(const Policy& policy, const std::string& path, Findings& findings) {
  if (policy.type != "Pods" && policy.type != "Percent") {
    findings.unsupported(child(path, "type"), policy.type, R"("Percent", "Pods")");
  }
  if (policy.value <= 0) {
    findings.invalid(child(path, "value"), policy.value, "must be greater than zero");
  }
  const std::string period = child(path, "periodSeconds");
  if (policy.period_seconds <= 0) {
    findings.invalid(period, policy.period_seconds, "must be greater than zero");
  }
  if (policy.period_seconds > kMostPeriodSeconds) {
    findings.invalid(period, policy.period_seconds,
                     fmt::format("must be less than or equal to {}", kMostPeriodSeconds));
  }
}

void check_rules(const Rules& rules, const std::string& path, Findings& findings) {
  const std::string window = child(path, "stabilizationWindowSeconds");
  const std::int32_t window_seconds = rules.stabilization_window_seconds.value_or(0);
  if (window_seconds < 0) {
    findings.invalid(window, window_seconds, "must be greater than or equal to zero");
  }
  if (window_seconds > kMostStabilizationSeconds) {
    findings.invalid(window, window_seconds,
                     fmt::format("must be less than or equal to {}", kMostStabilizationSeconds));
  }
  const std::string& select = rules.select_policy;
  if (select != "Max" && select != "Min" && select != "Disabled") {
    findings.unsupported(child(path, "selectPolicy"), select, R"("Disabled", "Max", "Min")");
  }
  const std::string policies = child(path, "policies");
  if (rules.policies.empty()) findings.required(policies, "must specify at least one Policy");
  for (std::size_t i = 0; i < rules.policies.size(); ++i) {
    check_policy(rules.policies[i], fmt::format("{}[{}]", policies, i), findings);
  }
  if (rules.tolerance && rules.tolerance->negative()) {
    findings.invalid(child(path, "tolerance"), rules.tolerance->to_string(),
                     "must be greater than or equal to 0");
  }
}

}  // namespace

std::vector<std::string> validate(const std::string& name, const Spec& spec) {
  Findings findings;
  if (name.empty()) {
    findings.required("metadata.name", "name or generateName is required");
  } else {
    findings.invalid("metadata.name", name, dns_subdomain_faults(name));
  }
  if (spec.min_replicas < 0) {
    findings.invalid("spec.minReplicas", spec.min_replicas, "must be greater than or equal to 0");
  }
  if (spec.max_replicas < 1) {
    findings.invalid("spec.maxReplicas", spec.max_replicas, "must be greater than 0");
  }
  if (spec.max_replicas < spec.min_replicas) {
    findings.invalid("spec.maxReplicas", spec.max_replicas,
                     "must be greater than or equal to `minReplicas`");
  }
  // Of what can be scaled, only a ReplicationController has no API group.
  check_reference(spec.scale_target, "spec.scaleTargetRef",
                  spec.scale_target.kind != "ReplicationController", findings);
  check_metrics(spec, "spec.metrics", findings);
  if (spec.behavior) {
    check_rules(spec.behavior->scale_up, "spec.behavior.scaleUp", findings);
    check_rules(spec.behavior->scale_down, "spec.behavior.scaleDown", findings);
  }
  return findings.take();
}

}  // namespace iris::kube::hpa_spec
