#include "scale/local/metrics_server.hpp"

#include <cmath>

namespace iris::scale::local {

void MetricsServer::add(const std::string& pod, const UsageReading& started,
                        const UsageReading& reading) {
  const auto [found, is_new] = pods_.try_emplace(pod);
  auto& points = found->second;
  if (!is_new) points.earlier = points.last;
  points.last = reading;
  const auto age = reading.at - started.at;
  if (is_new && age >= kFreshContainer && age < kMetricResolution) points.earlier = started;
}

std::vector<kube::PodMetrics> MetricsServer::metrics(const std::string& container) const {
  std::vector<kube::PodMetrics> all;
  for (const auto& [pod, points] : pods_) {
    if (!points.earlier || points.last.real <= points.earlier->real) continue;
    const double used_us = static_cast<double>(points.last.cpu_us - points.earlier->cpu_us);
    const double over_us = to_seconds(points.last.real - points.earlier->real) * 1e6;
    kube::PodMetrics metrics;
    metrics.metadata.name = pod;
    metrics.timestamp = points.last.at;
    metrics.window = points.last.at - points.earlier->at;
    metrics.containers.push_back(
        {container,
         {{"cpu", kube::Quantity::from_milli(std::llround(1000 * used_us / over_us))},
          {"memory",
           kube::Quantity::from_value(static_cast<std::int64_t>(points.last.memory_bytes))}}});
    all.push_back(std::move(metrics));
  }
  return all;
}

}  // namespace iris::scale::local
