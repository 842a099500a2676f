// Names what limited a scenario, with the figures that show it.
//
//   auto finding = find_bottleneck(evidence_of(run, scenario));
//   if (finding) fmt::print("{}: {}\n", name_of(finding->kind), finding->sentence);
//
// Evidence is a handful of numbers; a rule looks at them and at nothing else, and a figure that was
// not measured never makes a rule hold. The rules are asked in the order of `kRules`, causes before
// what they cause, and the first that holds names the bottleneck.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "report/records.hpp"

namespace iris::report {

// The busiest replica may get this much more than the mean.
inline constexpr double kEven = 1.25;

enum class Bottleneck {
  kMemoryLimit,
  kLoadGenerator,
  kImbalance,
  kHpaTolerance,
  kHpaRatePolicy,
  kMaxReplicas,
  kCpuQuota,
  kHpaLag,
  kCpuSaturation,
  kAcceptBacklog,
};

const char* name_of(Bottleneck kind);

// What the rules look at. "Steady" is the steady state, or the whole load where there is none.
struct Evidence {
  Figure connections;       // that the generator was told to keep open
  Figure connections_held;  // that replicas held: the median over the steady samples
  Figure connect_errors;
  Figure timeouts;

  Figure cores;
  Figure generator_threads;
  Figure generator_cpu_milli;  // steady
  Figure host_cpu_milli;       // steady, everything on the machine
  Figure replicas_cpu_milli;   // steady, all replicas together
  Figure cpu_limit_milli;      // of one replica; empty when none was set

  Figure throttled_fraction;        // steady: throttled periods of all periods, 0 to 1
  Figure throttled_fraction_least;  // that of the least throttled replica
  Figure throttled_fraction_first;  // before the steady state

  Figure replicas_start;
  Figure replicas_most;
  Figure max_replicas;
  Figure imbalance;  // steady: the busiest replica's requests over the mean

  Figure ticks;      // syncs of the HPA in the steady state
  Figure ticks_max;  // of these, how many maxReplicas limited, and so on
  Figure ticks_tolerance;
  Figure ticks_policy;
  Figure proposed_most;        // the most pods that the metric asked for
  Figure utilization_percent;  // the highest that the HPA saw
  Figure target_percent;

  Figure scale_up_s;  // from the begin of the load until all replicas were ready
  Figure load_s;
  Figure steady_per_s;
  Figure whole_per_s;

  Figure memory_most_bytes;  // the largest that a replica was seen with
  Figure memory_limit_bytes;
  Figure replicas_lost;
};

struct Finding {
  Bottleneck kind;
  std::string sentence;  // begins in lower case, ends without a full stop
};

using Rule = std::optional<Finding> (*)(const Evidence&);

// One rule per bottleneck; each states its condition where it is defined.
std::optional<Finding> memory_limit(const Evidence&);
std::optional<Finding> load_generator(const Evidence&);
std::optional<Finding> imbalance(const Evidence&);
std::optional<Finding> hpa_tolerance(const Evidence&);
std::optional<Finding> hpa_rate_policy(const Evidence&);
std::optional<Finding> max_replicas(const Evidence&);
std::optional<Finding> cpu_quota(const Evidence&);
std::optional<Finding> hpa_lag(const Evidence&);
std::optional<Finding> cpu_saturation(const Evidence&);
std::optional<Finding> accept_backlog(const Evidence&);

inline constexpr std::array<Rule, 10> kRules = {
    memory_limit, load_generator, imbalance, hpa_tolerance,  hpa_rate_policy,
    max_replicas, cpu_quota,      hpa_lag,   cpu_saturation, accept_backlog};

// The first rule that holds; nothing when none does.
std::optional<Finding> find_bottleneck(const Evidence& evidence);

}  // namespace iris::report
