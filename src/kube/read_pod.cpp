// Pods and what holds a pod template: containers, probes, resources, status, metrics.
#include <fmt/format.h>

#include <set>

#include "kube/readers.hpp"

namespace iris::kube {
namespace {

constexpr int kLargestPort = 65'535;

PortReference read_port_reference(const Node& node) {
  PortReference port;
  if (node.present() && node.value()->is_string()) {
    port.name = node.string();
  } else {
    port.number = static_cast<int>(node.integer(1, kLargestPort));
  }
  return port;
}

std::optional<HttpProbe> read_probe(const Node& node) {
  const Node get = node["httpGet"];
  if (!get.present()) return std::nullopt;
  HttpProbe probe;
  probe.path = get["path"].string_or("/");
  probe.port = read_port_reference(get["port"]);
  probe.initial_delay_seconds = node["initialDelaySeconds"].int32_or(0);
  probe.period_seconds = node["periodSeconds"].int32_or(10, 1);
  probe.timeout_seconds = node["timeoutSeconds"].int32_or(1, 1);
  probe.failure_threshold = node["failureThreshold"].int32_or(3, 1);
  return probe;
}

Resources read_resources(const Node& node) {
  Resources resources{node["requests"].quantity_map(), node["limits"].quantity_map()};
  // The API server's own default: a limit without a request is requested too.
  for (const auto& [name, limit] : resources.limits) resources.requests.emplace(name, limit);
  return resources;
}

Container read_container(const Node& node) {
  Container container;
  container.name = node["name"].string();
  container.image = node["image"].string_or("");
  container.command = node["command"].strings();
  container.args = node["args"].strings();
  for (const auto& env : node["env"].items()) {
    container.env.push_back(
        {env["name"].string(), env["value"].string_or(""), env["valueFrom"].present()});
  }
  for (const auto& source : node["envFrom"].items()) {
    const Node config_map = source["configMapRef"];
    const Node reference = config_map.present() ? config_map : source["secretRef"];
    container.env_from.push_back({config_map.present() ? "ConfigMap" : "Secret",
                                  reference["name"].string_or(""), source["prefix"].string_or("")});
  }
  for (const auto& port : node["ports"].items()) {
    container.ports.push_back({port["name"].string_or(""),
                               static_cast<int>(port["containerPort"].integer(1, kLargestPort))});
  }
  container.resources = read_resources(node["resources"]);
  container.readiness_probe = read_probe(node["readinessProbe"]);
  container.liveness_probe = read_probe(node["livenessProbe"]);
  container.startup_probe = read_probe(node["startupProbe"]);
  if (const Node sleep = node["lifecycle"]["preStop"]["sleep"]; sleep.present()) {
    container.pre_stop_sleep_seconds = sleep["seconds"].int32_or(0);
  }
  for (const auto& mount : node["volumeMounts"].items()) {
    container.volume_mounts.push_back(
        {mount["name"].string(), mount["mountPath"].string(), mount["subPath"].string_or("")});
  }
  container.restartable = node["restartPolicy"].string_or("") == "Always";
  return container;
}

void read_config_map(const std::string& volume, const Node& node, PodSpec& spec) {
  if (!node.present()) return;
  auto& into = spec.config_map_volumes.emplace_back();
  into.name = volume;
  into.config_map = node["name"].string();
  for (const auto& item : node["items"].items()) {
    into.items[item["key"].string()] = item["path"].string();
  }
}

PodPhase read_phase(const Node& node) {
  const std::string phase = node.string_or("");
  if (phase == "Pending") return PodPhase::kPending;
  if (phase == "Running") return PodPhase::kRunning;
  if (phase == "Succeeded") return PodPhase::kSucceeded;
  if (phase == "Failed") return PodPhase::kFailed;
  if (phase != "" && phase != "Unknown") {
    node.expected("Pending, Running, Succeeded, Failed or Unknown");
  }
  return PodPhase::kUnknown;
}

ConditionStatus read_condition_status(const Node& node) {
  const std::string status = node.string();
  if (status == "True") return ConditionStatus::kTrue;
  if (status == "False") return ConditionStatus::kFalse;
  if (status != "Unknown") node.expected("True, False or Unknown");
  return ConditionStatus::kUnknown;
}

PodStatus read_status(const Node& node) {
  PodStatus status;
  status.phase = read_phase(node["phase"]);
  if (const Node start = node["startTime"]; start.present()) status.start_time = start.time();
  for (const auto& item : node["conditions"].items()) {
    PodCondition condition;
    condition.type = item["type"].string();
    condition.status = read_condition_status(item["status"]);
    if (const Node time = item["lastTransitionTime"]; time.present()) {
      condition.last_transition_time = time.time();
    }
    status.conditions.push_back(std::move(condition));
  }
  return status;
}

}  // namespace

Metadata read_metadata(const Node& node) {
  Metadata metadata;
  metadata.name = node["name"].string();
  metadata.namespace_name = node["namespace"].string_or("");
  metadata.labels = node["labels"].string_map();
  if (const Node time = node["deletionTimestamp"]; time.present()) {
    metadata.deletion_timestamp = time.time();
  }
  return metadata;
}

PodSpec read_pod_spec(const Node& node) {
  PodSpec spec;
  for (const auto& item : node["containers"].items()) {
    spec.containers.push_back(read_container(item));
  }
  if (spec.containers.empty()) node["containers"].expected("at least one container");
  for (const auto& item : node["initContainers"].items()) {
    spec.init_containers.push_back(read_container(item));
  }
  spec.resources = {node["resources"]["requests"].quantity_map(),
                    node["resources"]["limits"].quantity_map()};
  spec.overhead = node["overhead"].quantity_map();
  spec.termination_grace_period_seconds = node["terminationGracePeriodSeconds"].int32_or(30);
  for (const auto& volume : node["volumes"].items()) {
    read_config_map(volume["name"].string(), volume["configMap"], spec);
    for (const auto& source : volume["projected"]["sources"].items()) {
      read_config_map(volume["name"].string(), source["configMap"], spec);
    }
  }
  return spec;
}

void read_into(const Node& root, Deployment& deployment) {
  deployment.metadata = read_metadata(root["metadata"]);
  const Node spec = root["spec"];
  deployment.replicas = spec["replicas"].int32_or(1);
  deployment.selector = spec["selector"]["matchLabels"].string_map();
  const Node pod_template = spec["template"];
  const Node labels = pod_template["metadata"]["labels"];
  deployment.template_metadata.labels = labels.string_map();
  deployment.pod = read_pod_spec(pod_template["spec"]);
  for (const auto& [key, value] : deployment.selector) {
    const auto found = deployment.template_metadata.labels.find(key);
    if (found == deployment.template_metadata.labels.end() || found->second != value) {
      labels.fail(fmt::format("expected the selector's label {}: {}", key, value));
    }
  }
}

void read_into(const Node& root, Service& service) {
  service.metadata = read_metadata(root["metadata"]);
  const Node spec = root["spec"];
  service.type = spec["type"].string_or("ClusterIP");
  service.selector = spec["selector"].string_map();
  for (const auto& item : spec["ports"].items()) {
    ServicePort port;
    port.name = item["name"].string_or("");
    port.port = static_cast<int>(item["port"].integer(1, kLargestPort));
    const Node target = item["targetPort"];
    port.target_port =
        target.present() ? read_port_reference(target) : PortReference{port.port, ""};
    service.ports.push_back(std::move(port));
  }
}

void read_into(const Node& root, ConfigMap& config_map) {
  config_map.metadata = read_metadata(root["metadata"]);
  config_map.data = root["data"].string_map();
}

void read_into(const Node& root, Job& job) {
  job.metadata = read_metadata(root["metadata"]);
  const Node spec = root["spec"];
  job.backoff_limit = spec["backoffLimit"].int32_or(6);
  if (const Node deadline = spec["activeDeadlineSeconds"]; deadline.present()) {
    job.active_deadline_seconds = deadline.integer(1, std::numeric_limits<std::int32_t>::max());
  }
  job.pod = read_pod_spec(spec["template"]["spec"]);
}

void read_into(const Node& root, Pod& pod) {
  pod.metadata = read_metadata(root["metadata"]);
  pod.spec = read_pod_spec(root["spec"]);
  pod.status = read_status(root["status"]);
}

void read_into(const Node& root, PodMetrics& metrics) {
  metrics.metadata = read_metadata(root["metadata"]);
  metrics.timestamp = root["timestamp"].time();
  const Node window = root["window"];
  const auto duration = parse_duration(window.string());
  if (duration && *duration <= std::chrono::hours(24)) {
    metrics.window = *duration;
  } else {
    window.expected("a duration such as 15s, at most 24h");
  }
  for (const auto& item : root["containers"].items()) {
    metrics.containers.push_back({item["name"].string(), item["usage"].quantity_map()});
  }
}

}  // namespace iris::kube
