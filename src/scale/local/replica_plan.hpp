// From a Deployment to a process on this machine: what runs, with which limits and at which pace.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kube/objects.hpp"
#include "scale/local/cgroup.hpp"

namespace iris::scale::local {

// The one number by which the Deployment's CPU requests and limits are multiplied here.
struct CpuFactor {
  double value = 1;
  std::string reason;  // one sentence
};

// All replicas together get at most kReplicasPart of the cores, so that the load generator has
// room; rounded down to a multiple of 0.05. One when that is not needed.
inline constexpr double kReplicasPart = 0.35;
CpuFactor choose_cpu_factor(std::int64_t cpu_limit_milli, std::int32_t max_replicas,
                            std::size_t cores);

struct PlanOptions {
  std::string program;  // that serves; takes the place of the container's image
  std::string model_path;
  double time_scale = 1;
  double cpu_factor = 1;
  std::size_t container = 0;  // which of the pod's is the service
};

// Durations are real time.
struct ReplicaPlan {
  std::string name;  // the Deployment's; replicas are name-1, name-2, …
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  kube::Labels labels;
  kube::PodSpec spec;  // with scaled CPU quantities: what the HPA sees
  std::size_t container = 0;
  CgroupLimits limits;
  std::int64_t cpu_request_milli = 0;  // as the manifest has them
  std::int64_t cpu_limit_milli = 0;
  std::string ready_path;
  Nanoseconds ready_period{};
  Nanoseconds ready_timeout{};
  int failure_threshold = 3;
  Nanoseconds start_deadline{};
  Nanoseconds pre_stop{};
  Nanoseconds grace{};
  // How long a connection lives at most: for clients to move over to new replicas.
  Nanoseconds connection_age{};
};

// The Deployment's service, of which the replicas are processes. Paces are divided by the time
// scale: the readiness period, the preStop sleep, --drain-delay, --max-connection-age. What takes
// its own time is not: the probe's timeout, the grace period. `place` names the manifest in errors.
Result<ReplicaPlan> plan_replica(const kube::Deployment& deployment, const PlanOptions& options,
                                 const std::string& place);

}  // namespace iris::scale::local
