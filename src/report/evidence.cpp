#include "report/evidence.hpp"

#include <algorithm>
#include <map>

namespace iris::report {
namespace {

void raise(Figure& most, Figure value) {
  if (value && (!most || *value > *most)) most = value;
}

Figure median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Periods {
  double all = 0;
  double throttled = 0;
  Figure fraction() const { return all > 0 ? Figure(throttled / all) : std::nullopt; }
};

struct Window {
  double from = 0;
  double to = 0;
  bool holds(double t) const { return t > from && t <= to; }
};

Window load_window(const Scenario& scenario) {
  double to = scenario.samples.empty() ? 0 : scenario.samples.back().t;
  if (scenario.load_duration_s) to = std::min(to, *scenario.load_duration_s);
  return {0, to};
}

Window steady_window(const Scenario& scenario) {
  const Window load = load_window(scenario);
  if (!scenario.end || !scenario.end->steady) return load;
  const Span& steady = *scenario.end->steady;
  return {steady.from_t.value_or(load.from), steady.to_t.value_or(load.to)};
}

void take_samples(Evidence& evidence, const Scenario& scenario, const Window& steady) {
  std::map<std::string, Periods> periods_of;
  Periods periods;
  Periods periods_first;
  std::vector<double> held;
  for (const auto& sample : scenario.samples) {
    Figure connections;
    for (const auto& replica : sample.replicas) {
      raise(evidence.memory_most_bytes, replica.memory_bytes);
      if (replica.connections) connections = connections.value_or(0) + *replica.connections;
      if (!replica.periods || !replica.throttled_periods || sample.t <= 0) continue;
      for (Periods* into : {&(steady.holds(sample.t) ? periods : periods_first),
                            steady.holds(sample.t) ? &periods_of[replica.name] : nullptr}) {
        if (into == nullptr) continue;
        into->all += *replica.periods;
        into->throttled += *replica.throttled_periods;
      }
    }
    if (connections && steady.holds(sample.t)) held.push_back(*connections);
  }
  evidence.connections_held = median(std::move(held));
  evidence.throttled_fraction = periods.fraction();
  evidence.throttled_fraction_first = periods_first.fraction();
  for (const auto& [name, own] : periods_of) {
    const Figure fraction = own.fraction();
    Figure& least = evidence.throttled_fraction_least;
    if (fraction && (!least || *fraction < *least)) least = fraction;
  }
}

void take_ticks(Evidence& evidence, const Scenario& scenario, const Window& steady) {
  double all = 0;
  double by_max = 0;
  double by_tolerance = 0;
  double by_policy = 0;
  for (const auto& tick : scenario.ticks) {
    raise(evidence.utilization_percent, tick.utilization_percent);
    if (!steady.holds(tick.t)) continue;
    all += 1;
    by_max += tick.limited_by == "maxReplicas" ? 1 : 0;
    by_tolerance += tick.limited_by == "tolerance" ? 1 : 0;
    by_policy += tick.limited_by == "policy" ? 1 : 0;
    raise(evidence.proposed_most, tick.proposed);
  }
  evidence.ticks = all;
  evidence.ticks_max = by_max;
  evidence.ticks_tolerance = by_tolerance;
  evidence.ticks_policy = by_policy;
}

}  // namespace

Figure replicas_start(const Scenario& scenario) {
  // The last sample before the load, or else the first there is.
  Figure start;
  for (const auto& sample : scenario.samples) {
    if (start && sample.t > 0) break;
    if (sample.ready) start = sample.ready;
  }
  return start ? start : scenario.min_replicas;
}

Figure replicas_most(const Scenario& scenario) {
  Figure most = scenario.end ? scenario.end->whole.replicas_max : std::nullopt;
  if (!most) {
    for (const auto& sample : scenario.samples) raise(most, sample.ready);
  }
  return most;
}

Figure scale_up_s(const Scenario& scenario) {
  const Figure start = replicas_start(scenario);
  const Figure most = replicas_most(scenario);
  if (!start || !most || *most <= *start) return std::nullopt;
  Figure reached;
  for (const auto& sample : scenario.samples) {
    if (sample.ready && *sample.ready >= *most) {
      reached = sample.t;
      break;
    }
  }
  // The event is exact to the moment; a sample only to its interval.
  Figure exact;
  for (const auto& event : scenario.events) {
    if (event.kind == "replica_ready" && reached && event.t > 0 && event.t <= *reached) {
      exact = event.t;
    }
  }
  return exact ? exact : reached;
}

Evidence evidence_of(const Run& run, const Scenario& scenario) {
  Evidence evidence;
  const Window steady = steady_window(scenario);
  evidence.connections = scenario.connections;
  evidence.cores = run.machine.cores;
  evidence.generator_threads = scenario.load_threads;
  if (run.limits) {
    evidence.cpu_limit_milli = scenario.scaled_cpu_limit_milli;
    evidence.memory_limit_bytes = scenario.memory_limit_bytes;
  }
  evidence.replicas_start = replicas_start(scenario);
  evidence.replicas_most = replicas_most(scenario);
  evidence.max_replicas = scenario.max_replicas;
  evidence.target_percent = scenario.target_percent;
  evidence.scale_up_s = scale_up_s(scenario);
  evidence.load_s = scenario.load_duration_s;
  take_samples(evidence, scenario, steady);
  take_ticks(evidence, scenario, steady);
  if (scenario.end) {
    const ScenarioEnd& end = *scenario.end;
    const Span& span = end.steady ? *end.steady : end.whole;
    if (span.throttled_fraction) evidence.throttled_fraction = span.throttled_fraction;
    evidence.imbalance = span.imbalance;
    evidence.replicas_cpu_milli = span.replicas_cpu_milli;
    evidence.generator_cpu_milli = span.generator_cpu_milli;
    evidence.host_cpu_milli = span.host_cpu_milli;
    evidence.connect_errors = end.load.connect_errors;
    evidence.timeouts = end.load.timeouts;
    evidence.steady_per_s = end.steady ? end.steady->requests_per_s : std::nullopt;
    evidence.whole_per_s = end.whole.requests_per_s;
    evidence.replicas_lost = end.whole.replicas_lost;
  }
  return evidence;
}

}  // namespace iris::report
