#include "scale/replica_counts.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace iris::scale {
namespace {

// iris_responses_total{route="predict",code="200"} 12 → name, labels, value.
struct MetricLine {
  std::string name;
  std::string labels;
  double value = 0;

  std::uint64_t count() const { return static_cast<std::uint64_t>(value); }
};

std::optional<MetricLine> read_line(const std::string& line) {
  if (line.empty() || line[0] == '#') return std::nullopt;
  const auto space = line.rfind(' ');
  if (space == std::string::npos) return std::nullopt;
  MetricLine metric;
  const auto brace = line.find('{');
  metric.name = line.substr(0, std::min(brace, space));
  if (brace != std::string::npos) metric.labels = line.substr(brace, space - brace);
  const char* end = line.data() + line.size();
  const auto read = std::from_chars(line.data() + space + 1, end, metric.value);
  const bool counts = read.ec == std::errc() && metric.value >= 0 && metric.value < 9e15;
  return counts ? std::optional(metric) : std::nullopt;
}

}  // namespace

Result<ReplicaCounts> read_counts(const std::string& metrics) {
  ReplicaCounts counts;
  std::uint64_t checks = 0;
  bool received = false;
  bool answered = false;
  bool connections = false;
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);) {
    const auto metric = read_line(line);
    if (!metric) continue;
    if (metric->name == "iris_requests_received_total") {
      counts.received += metric->count();
      received = true;
    } else if (metric->name == "iris_connections") {
      counts.connections += metric->count();
      connections = true;
    } else if (metric->name == "iris_responses_total") {
      answered = true;
      if (metric->labels.find("route=\"health\"") != std::string::npos) {
        checks += metric->count();
        continue;
      }
      counts.answered += metric->count();
      if (metric->labels.find("code=\"2") == std::string::npos) counts.errors += metric->count();
    } else if (metric->name == "process_cpu_seconds_total") {
      counts.cpu_us = static_cast<std::uint64_t>(metric->value * 1e6);
    } else if (metric->name == "process_resident_memory_bytes") {
      counts.memory_bytes = metric->count();
    }
  }
  if (!received || !answered || !connections) {
    return environment_error(
        "the replica's /metrics: expected iris_requests_received_total, iris_responses_total and "
        "iris_connections; found {}",
        received || answered || connections ? "only some of them" : "none of them");
  }
  counts.received -= std::min(checks, counts.received);
  return counts;
}

}  // namespace iris::scale
