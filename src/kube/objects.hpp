// The Kubernetes objects that iris reads, with the fields it uses and upstream's defaults for what
// is left out. read.hpp makes them from YAML or JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "kube/quantity.hpp"

namespace iris::kube {

using Labels = std::map<std::string, std::string>;
// By resource name: "cpu", "memory", …
using ResourceList = std::map<std::string, Quantity>;

struct Metadata {
  std::string name;
  std::string namespace_name;
  Labels labels;
  std::optional<WallTime> deletion_timestamp;
};

struct Resources {
  ResourceList requests;
  ResourceList limits;
};

// A port by number, or by the name that a container gives it (number is 0 then).
struct PortReference {
  int number = 0;
  std::string name;
};

struct HttpProbe {
  std::string path;
  PortReference port;
  int initial_delay_seconds = 0;
  int period_seconds = 10;
  int timeout_seconds = 1;
  int failure_threshold = 3;
};

struct EnvVariable {
  std::string name;
  std::string value;       // empty when it comes from elsewhere
  bool elsewhere = false;  // valueFrom
};

// All keys of a ConfigMap or a Secret as variables.
struct EnvSource {
  std::string kind;  // "ConfigMap" or "Secret"
  std::string name;
  std::string prefix;
};

struct ContainerPort {
  std::string name;
  int container_port = 0;
};

struct VolumeMount {
  std::string name;
  std::string mount_path;
  std::string sub_path;  // the one file of the volume that is mounted; empty for all
};

struct Container {
  std::string name;
  std::string image;
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::vector<EnvVariable> env;
  std::vector<EnvSource> env_from;
  std::vector<ContainerPort> ports;
  Resources resources;
  std::optional<HttpProbe> readiness_probe;  // probes other than httpGet are left out
  std::optional<HttpProbe> liveness_probe;
  std::optional<HttpProbe> startup_probe;
  std::optional<int> pre_stop_sleep_seconds;
  std::vector<VolumeMount> volume_mounts;
  bool restartable = false;  // an init container with restartPolicy Always (a sidecar)
};

struct ConfigMapVolume {
  std::string name;                          // of the volume
  std::string config_map;                    // of the ConfigMap
  std::map<std::string, std::string> items;  // key to path; empty: every key under its own name
};

struct PodSpec {
  std::vector<Container> containers;
  std::vector<Container> init_containers;
  // Pod-level requests and limits (KEP-2837); empty when not set.
  Resources resources;
  ResourceList overhead;
  int termination_grace_period_seconds = 30;
  std::vector<ConfigMapVolume> config_map_volumes;
};

struct Deployment {
  Metadata metadata;
  std::int32_t replicas = 1;
  Labels selector;
  Metadata template_metadata;
  PodSpec pod;
};

struct ServicePort {
  std::string name;
  int port = 0;
  PortReference target_port;  // the same as `port` when left out
};

struct Service {
  Metadata metadata;
  std::string type = "ClusterIP";
  Labels selector;
  std::vector<ServicePort> ports;
};

struct ConfigMap {
  Metadata metadata;
  std::map<std::string, std::string> data;
};

struct Job {
  Metadata metadata;
  std::int32_t backoff_limit = 6;
  std::optional<std::int64_t> active_deadline_seconds;
  PodSpec pod;
};

enum class PodPhase { kPending, kRunning, kSucceeded, kFailed, kUnknown };
enum class ConditionStatus { kTrue, kFalse, kUnknown };

struct PodCondition {
  std::string type;
  ConditionStatus status = ConditionStatus::kUnknown;
  WallTime last_transition_time;
};

struct PodStatus {
  PodPhase phase = PodPhase::kUnknown;
  std::optional<WallTime> start_time;
  std::vector<PodCondition> conditions;
};

struct Pod {
  Metadata metadata;
  PodSpec spec;
  PodStatus status;
};

struct ContainerMetrics {
  std::string name;
  ResourceList usage;
};

struct PodMetrics {
  Metadata metadata;
  WallTime timestamp;
  Nanoseconds window{};
  std::vector<ContainerMetrics> containers;
};

enum class MetricType { kResource, kContainerResource, kPods, kObject, kExternal };

struct MetricTarget {
  std::optional<std::int32_t> average_utilization;  // percent of requests
  std::optional<Quantity> average_value;
  std::optional<Quantity> value;
};

struct MetricSpec {
  MetricType type = MetricType::kResource;
  std::string name;       // of the resource or the metric
  std::string container;  // for ContainerResource
  MetricTarget target;
};

struct ScalingPolicy {
  enum class Type { kPods, kPercent };
  Type type = Type::kPods;
  std::int32_t value = 0;
  std::int32_t period_seconds = 0;
};

enum class SelectPolicy { kMax, kMin, kDisabled };

struct ScalingRules {
  // Left out for scale-down, it is the controller's own window.
  std::optional<std::int32_t> stabilization_window_seconds;
  SelectPolicy select_policy = SelectPolicy::kMax;
  std::vector<ScalingPolicy> policies;
  std::optional<double> tolerance;
};

// What the API server fills in where a behavior says nothing.
ScalingRules default_scale_up_rules();
ScalingRules default_scale_down_rules();

struct Behavior {
  ScalingRules scale_up = default_scale_up_rules();
  ScalingRules scale_down = default_scale_down_rules();
};

struct HorizontalPodAutoscaler {
  Metadata metadata;
  struct ScaleTarget {
    std::string api_version;
    std::string kind;
    std::string name;
  } scale_target;
  std::int32_t min_replicas = 1;
  std::int32_t max_replicas = 1;
  std::vector<MetricSpec> metrics;  // never empty when read: CPU at 80 % is the default
  std::optional<Behavior> behavior;
};

}  // namespace iris::kube
