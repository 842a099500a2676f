#include "report/comparison.hpp"

#include <fmt/format.h>

#include <utility>

#include "report/summary.hpp"
#include "report/text.hpp"

namespace iris::report {
namespace {

Figure over(Figure a, Figure b) {
  return a && b && *b > 0 ? Figure(*a / *b) : std::nullopt;
}

Comparison comparison_of(Factor factor, const Scenario& more, const Scenario& less) {
  return {factor,
          &more,
          &less,
          over(steady_per_s(more), steady_per_s(less)),
          over(whole_per_s(more), whole_per_s(less)),
          over(client_p99_us(more), client_p99_us(less))};
}

bool same_but_for(Factor factor, const Scenario& a, const Scenario& b) {
  const bool same_max = a.max_replicas == b.max_replicas;
  const bool same_connections = a.connections == b.connections;
  const bool same_rest = a.min_replicas == b.min_replicas && a.load_threads == b.load_threads &&
                         a.load_duration_s == b.load_duration_s &&
                         a.scaled_cpu_limit_milli == b.scaled_cpu_limit_milli &&
                         a.target_percent == b.target_percent;
  return same_rest && (factor == Factor::kMaxReplicas ? same_connections && !same_max
                                                      : same_max && !same_connections);
}

Figure value_of(Factor factor, const Scenario& scenario) {
  return factor == Factor::kMaxReplicas ? scenario.max_replicas : scenario.connections;
}

}  // namespace

Figure steady_per_s(const Scenario& scenario) {
  if (!scenario.end || !scenario.end->steady) return std::nullopt;
  return scenario.end->steady->requests_per_s;
}

Figure whole_per_s(const Scenario& scenario) {
  return scenario.end ? scenario.end->whole.requests_per_s : std::nullopt;
}

bool latencies_hold(const Scenario& scenario) {
  return scenario.end && scenario.end->littles_law.ok.value_or(true);
}

Figure client_p50_us(const Scenario& scenario) {
  if (!latencies_hold(scenario) || !enough_for_p50(scenario.end->probe.samples))
    return std::nullopt;
  return scenario.end->probe.latency.p50_us;
}

Figure client_p99_us(const Scenario& scenario) {
  if (!latencies_hold(scenario) || !enough_for_p99(scenario.end->probe.samples))
    return std::nullopt;
  return scenario.end->probe.latency.p99_us;
}

std::vector<Comparison> compare(const Run& run) {
  std::vector<Comparison> all;
  for (const Factor factor : {Factor::kMaxReplicas, Factor::kConnections}) {
    for (std::size_t i = 0; i < run.scenarios.size(); ++i) {
      for (std::size_t j = i + 1; j < run.scenarios.size(); ++j) {
        const Scenario* more = &run.scenarios[i];
        const Scenario* less = &run.scenarios[j];
        if (!value_of(factor, *more) || !value_of(factor, *less)) continue;
        if (!same_but_for(factor, *more, *less)) continue;
        if (*value_of(factor, *more) < *value_of(factor, *less)) std::swap(more, less);
        all.push_back(comparison_of(factor, *more, *less));
      }
    }
  }
  return all;
}

std::string title_of(const Comparison& c) {
  if (c.factor == Factor::kMaxReplicas) {
    return fmt::format("max {} against max {}, at {} connections", count(c.more->max_replicas),
                       count(c.less->max_replicas), count(c.more->connections));
  }
  return fmt::format("{} against {} connections, at max {}", count(c.more->connections),
                     count(c.less->connections), count(c.more->max_replicas));
}

}  // namespace iris::report
