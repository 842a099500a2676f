// What metrics-server would report: CPU used between two readings of a container, a resolution
// apart. Source: kubernetes-sigs/metrics-server pkg/storage/pod.go (v0.7).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "kube/objects.hpp"

namespace iris::scale::local {

// In controller time.
inline constexpr Nanoseconds kMetricResolution = std::chrono::seconds(15);
// A container this old and younger than the resolution is reported from its start on.
inline constexpr Nanoseconds kFreshContainer = std::chrono::seconds(10);

struct UsageReading {
  WallTime at;      // controller time
  SteadyTime real;  // CPU time is real time: it is divided by this
  std::uint64_t cpu_us = 0;
  std::uint64_t memory_bytes = 0;
};

class MetricsServer {
 public:
  // One reading of a pod that began at `started`.
  void add(const std::string& pod, const UsageReading& started, const UsageReading& reading);
  void forget(const std::string& pod) { pods_.erase(pod); }

  // Of one container each, whose name is given.
  std::vector<kube::PodMetrics> metrics(const std::string& container) const;

 private:
  struct Points {
    std::optional<UsageReading> earlier;
    UsageReading last;
  };
  std::map<std::string, Points> pods_;
};

}  // namespace iris::scale::local
