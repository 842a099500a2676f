// What the control loop scales: processes on this machine, a cluster, a simulation.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "kube/objects.hpp"

namespace iris::scale {

// What the API server and the metrics server show. All times are controller time.
struct Observed {
  std::vector<kube::Pod> pods;  // all that the target's selector matches
  std::vector<kube::PodMetrics> metrics;
  std::int32_t replicas = 0;  // spec.replicas of the scale
};

class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  virtual ~Target() = default;

  virtual Result<Observed> observe() = 0;
  virtual Result<void> set_replicas(std::int32_t replicas) = 0;
};

}  // namespace iris::scale
