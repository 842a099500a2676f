// Figures from samples: rates, shares, the steady time. Pure arithmetic; docs/records.md has the
// rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace iris::scale {

// One replica at one moment. Counts only grow; those that could not be read have no value.
struct ReplicaSample {
  std::string name;
  int slot = 0;
  std::string state;     // of docs/records.md
  double counted_t = 0;  // when the four below were read
  std::uint64_t received = 0;
  std::uint64_t answered = 0;
  std::uint64_t errors = 0;  // answers that were not 2xx
  std::optional<std::uint64_t> connections;
  double used_t = 0;  // when the ones below were read
  std::uint64_t cpu_us = 0;
  std::optional<std::uint64_t> periods;  // none without a CPU limit
  std::optional<std::uint64_t> throttled_periods;
  std::optional<std::uint64_t> throttled_us;
  std::uint64_t memory_bytes = 0;
};

// Everything at one moment, `t` seconds after the load began.
struct Sample {
  double t = 0;
  int desired = 0;
  int ready = 0;
  std::vector<ReplicaSample> replicas;  // gone ones with their last counts
  std::optional<std::uint64_t> generator_cpu_us;
  std::optional<std::uint64_t> host_cpu_us;
};

struct ReplicaRates {
  std::string name;
  double received_per_s = 0;
  double answered_per_s = 0;
  double errors_per_s = 0;
  double cpu_milli = 0;
  std::uint64_t answered = 0;
  std::optional<std::uint64_t> periods;
  std::optional<std::uint64_t> throttled_periods;
  std::optional<std::uint64_t> throttled_us;
};

struct Span {
  double from_t = 0;
  double to_t = 0;
  std::vector<ReplicaRates> replicas;  // those of the later sample
  double received_per_s = 0;
  double answered_per_s = 0;
  double errors_per_s = 0;
  double replicas_cpu_milli = 0;
  std::optional<double> generator_cpu_milli;
  std::optional<double> host_cpu_milli;

  // Of the replicas' CFS periods; none when there were no periods.
  std::optional<double> throttled_fraction() const;
  // Busiest over mean of the answers; none when nothing was answered.
  std::optional<double> imbalance() const;
  // A replica's part of all answers; 0 when nothing was answered.
  double share(const ReplicaRates& replica) const;
};

// What happened between two samples. A replica that the earlier one does not know began at 0.
Span between(const Sample& earlier, const Sample& later);

struct Steady {
  double from_t = 0;
  double to_t = 0;
};

// The steady time of a load that ran from 0 to `load_end_t`:
// - it begins `spread_s` after the last replica became ready (`settled_t`, or 0 when that was
// before
//   the load), which is how long the clients need to move over, and at least kWarmUp after 0;
// - `spread_s` is cut so that kLeastSteady is left, but the beginning never comes before settled_t;
// - none when less than kLeastSpan is left.
inline constexpr double kWarmUp_s = 2;
inline constexpr double kLeastSteady_s = 5;
inline constexpr double kLeastSpan_s = 2;
std::optional<Steady> steady_time(double settled_t, double spread_s, double load_end_t);

// The samples within, first and last; none when there are fewer than two.
std::optional<Span> span_of(const std::vector<Sample>& samples, double from_t, double to_t);

struct Reconciliation {
  std::uint64_t generator = 0;  // answers that wrk read
  std::uint64_t probe = 0;      // answers that the probe read
  std::uint64_t replicas = 0;   // answers that replicas gave
  std::int64_t difference = 0;  // replicas - (generator + probe)
  std::int64_t allowed = 0;     // what may have been on its way at the end
  bool ok = false;
  std::string reason;  // why it cannot be reconciled; empty when it can
};

// `ended` names replicas that ended during the load: what they answered after they were last read
// is not known.
Reconciliation reconcile(std::uint64_t generator, std::uint64_t probe, std::uint64_t replicas,
                         std::int64_t in_flight, const std::vector<std::string>& ended);

}  // namespace iris::scale
