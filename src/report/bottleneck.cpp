#include "report/bottleneck.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/text.hpp"

namespace iris::report {
namespace {

// A replica that is stopped in half of its periods or more is limited by its quota.
constexpr double kThrottled = 0.5;
// A CPU counts as used up from here on; the rest is the kernel's accounting.
constexpr double kSaturated = 0.95;
// Connections not held by any replica, of those that the generator keeps open.
constexpr double kWaiting = 0.2;
// Scaling that takes this part of the load is part of the result.
constexpr double kLong = 0.25;
constexpr double kMemoryFull = 0.95;

bool at_least(Figure value, double bound) {
  return value && *value >= bound;
}
bool below(Figure value, double bound) {
  return value && *value < bound;
}

bool throttled(const Evidence& e) {
  return at_least(e.throttled_fraction, kThrottled);
}
bool below_max(const Evidence& e) {
  return e.replicas_most && e.max_replicas && *e.replicas_most < *e.max_replicas;
}
// Whether more than half of the HPA's syncs were of one kind.
bool mostly(Figure part, Figure all) {
  return part && at_least(all, 1) && *part * 2 > *all;
}

bool host_saturated(const Evidence& e) {
  return e.host_cpu_milli && e.cores && *e.host_cpu_milli >= kSaturated * *e.cores * 1000;
}

std::string replicas(Figure value) {
  return counted(value.value_or(0), "replica", "replicas");
}

// "CPU quota throttled in 99 % of periods (225 of 225 milli-CPU used per replica)".
std::string throttling(const Evidence& e) {
  std::string text =
      fmt::format("CPU quota throttled in {} of periods", percent(e.throttled_fraction));
  if (e.replicas_cpu_milli && at_least(e.replicas_most, 1) && e.cpu_limit_milli) {
    text += fmt::format(" ({} of {} milli-CPU used{})",
                        grouped(*e.replicas_cpu_milli / *e.replicas_most), count(e.cpu_limit_milli),
                        *e.replicas_most > 1 ? " per replica" : "");
  }
  return text;
}

std::optional<Finding> found(Bottleneck kind, std::string sentence) {
  return Finding{kind, std::move(sentence)};
}

}  // namespace

const char* name_of(Bottleneck kind) {
  switch (kind) {
    case Bottleneck::kMemoryLimit:
      return "memory limit";
    case Bottleneck::kLoadGenerator:
      return "load generator";
    case Bottleneck::kImbalance:
      return "imbalance between replicas";
    case Bottleneck::kHpaTolerance:
      return "HPA tolerance";
    case Bottleneck::kHpaRatePolicy:
      return "HPA rate policy";
    case Bottleneck::kMaxReplicas:
      return "maxReplicas";
    case Bottleneck::kCpuQuota:
      return "CPU quota";
    case Bottleneck::kHpaLag:
      return "HPA lag";
    case Bottleneck::kCpuSaturation:
      return "CPU saturation";
    case Bottleneck::kAcceptBacklog:
      return "accept backlog";
  }
  return "";
}

// A replica was lost and one was seen with (almost) all the memory that it may have.
std::optional<Finding> memory_limit(const Evidence& e) {
  if (!at_least(e.replicas_lost, 1) || !e.memory_most_bytes || !e.memory_limit_bytes) return {};
  if (*e.memory_most_bytes < kMemoryFull * *e.memory_limit_bytes) return {};
  return found(Bottleneck::kMemoryLimit,
               fmt::format("memory limit: {} lost, with {} of {} in use", replicas(e.replicas_lost),
                           bytes(e.memory_most_bytes), bytes(e.memory_limit_bytes)));
}

// The generator has used up its threads, or the machine with the greater part being the
// generator's, while the replicas were not held back by their quota.
std::optional<Finding> load_generator(const Evidence& e) {
  if (throttled(e) || !e.generator_cpu_milli || !e.cores) return {};
  const double own = std::min(e.generator_threads.value_or(*e.cores), *e.cores) * 1000;
  const bool used_up = *e.generator_cpu_milli >= kSaturated * own;
  const bool crowds_out =
      host_saturated(e) && e.replicas_cpu_milli && *e.generator_cpu_milli >= *e.replicas_cpu_milli;
  if (!used_up && !crowds_out) return {};
  return found(
      Bottleneck::kLoadGenerator,
      fmt::format("the load generator is the limit: it used {} of its {} milli-CPU, the "
                  "replicas {}",
                  count(e.generator_cpu_milli), grouped(own), count(e.replicas_cpu_milli)));
}

// One of several replicas gets far more than the mean, and at least one other has CPU to spare (or
// none has a quota).
std::optional<Finding> imbalance(const Evidence& e) {
  if (!at_least(e.replicas_most, 2) || !e.imbalance || *e.imbalance <= kEven) return {};
  if (at_least(e.throttled_fraction_least, kThrottled)) return {};
  return found(Bottleneck::kImbalance,
               fmt::format("imbalance between replicas (sticky connections): the busiest of {} got "
                           "{} the mean, while the least busy was throttled in {} of periods",
                           grouped(*e.replicas_most), times(e.imbalance),
                           percent(e.throttled_fraction_least)));
}

// Throttled below maxReplicas, and most syncs kept the count because the ratio was near 1.
std::optional<Finding> hpa_tolerance(const Evidence& e) {
  if (!throttled(e) || !below_max(e) || !mostly(e.ticks_tolerance, e.ticks)) return {};
  return found(
      Bottleneck::kHpaTolerance,
      fmt::format("HPA tolerance keeps {} of {}: {} with utilization at most {} % against a "
                  "target of {} %, near enough in {} of {} syncs",
                  count(e.replicas_most), count(e.max_replicas), throttling(e),
                  count(e.utilization_percent), count(e.target_percent), count(e.ticks_tolerance),
                  count(e.ticks)));
}

// Throttled below maxReplicas, and most syncs wanted more than the rate limit allowed.
std::optional<Finding> hpa_rate_policy(const Evidence& e) {
  if (!throttled(e) || !below_max(e) || !mostly(e.ticks_policy, e.ticks)) return {};
  return found(Bottleneck::kHpaRatePolicy,
               fmt::format("HPA rate policy held it at {} of {} in {} of {} syncs while the metric "
                           "asked for {}: {}",
                           count(e.replicas_most), count(e.max_replicas), count(e.ticks_policy),
                           count(e.ticks), count(e.proposed_most), throttling(e)));
}

// Throttled at maxReplicas, and most syncs asked for more.
std::optional<Finding> max_replicas(const Evidence& e) {
  if (!throttled(e) || !e.replicas_most || !e.max_replicas || *e.replicas_most < *e.max_replicas)
    return {};
  if (!mostly(e.ticks_max, e.ticks)) return {};
  return found(Bottleneck::kMaxReplicas,
               fmt::format("maxReplicas holds it at {}: {} while the HPA asked for {}",
                           replicas(e.max_replicas), throttling(e), count(e.proposed_most)));
}

// Throttled, and the HPA has no part in it.
std::optional<Finding> cpu_quota(const Evidence& e) {
  if (!throttled(e)) return {};
  return found(Bottleneck::kCpuQuota, throttling(e));
}

// No longer throttled once scaled, but scaling took a good part of the load and cost throughput.
std::optional<Finding> hpa_lag(const Evidence& e) {
  if (!at_least(e.throttled_fraction_first, kThrottled) || !e.scale_up_s || !e.load_s) return {};
  if (*e.scale_up_s < kLong * *e.load_s) return {};
  if (!e.steady_per_s || !e.whole_per_s || *e.whole_per_s >= 0.9 * *e.steady_per_s) return {};
  return found(Bottleneck::kHpaLag,
               fmt::format("HPA lag: {} of {} passed until {} were ready, so the whole run has {} "
                           "requests/s and the steady state {}",
                           seconds(e.scale_up_s), seconds(e.load_s), replicas(e.replicas_most),
                           count(e.whole_per_s), count(e.steady_per_s)));
}

// Every core is busy, and it is not the quota that holds the replicas back.
std::optional<Finding> cpu_saturation(const Evidence& e) {
  if (throttled(e) || !host_saturated(e)) return {};
  return found(Bottleneck::kCpuSaturation,
               fmt::format("CPU saturation: {} of {} milli-CPU of the machine in use, {} by the "
                           "replicas and {} by the load generator",
                           count(e.host_cpu_milli), grouped(*e.cores * 1000),
                           count(e.replicas_cpu_milli), count(e.generator_cpu_milli)));
}

// CPU to spare everywhere, and connections that no replica has accepted.
std::optional<Finding> accept_backlog(const Evidence& e) {
  if (throttled(e) || host_saturated(e) || !e.connections) return {};
  const bool waiting = below(e.connections_held, (1 - kWaiting) * *e.connections);
  if (!waiting && !at_least(e.connect_errors, 1)) return {};
  return found(Bottleneck::kAcceptBacklog,
               fmt::format("accept backlog: replicas held {} of {} connections, {} could not "
                           "connect, {} timed out",
                           count(e.connections_held), count(e.connections), count(e.connect_errors),
                           count(e.timeouts)));
}

std::optional<Finding> find_bottleneck(const Evidence& evidence) {
  for (const Rule rule : kRules) {
    if (auto finding = rule(evidence)) return finding;
  }
  return std::nullopt;
}

}  // namespace iris::report
