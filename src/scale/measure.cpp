#include "scale/measure.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace iris::scale {
namespace {

std::uint64_t grown(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

std::optional<std::uint64_t> grown(const std::optional<std::uint64_t>& before,
                                   const std::optional<std::uint64_t>& after) {
  if (!after) return std::nullopt;
  return grown(before.value_or(0), *after);
}

// 1 when a second of CPU was used in a millisecond: a µs per µs is 1000 milli-CPU.
double to_milli(std::uint64_t cpu_us, double seconds) {
  return seconds > 0 ? static_cast<double>(cpu_us) / seconds / 1e3 : 0;
}

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

ReplicaRates rates(const ReplicaSample& before, const ReplicaSample& after) {
  // Counts are read at moments of their own; what was not read anew has not grown.
  const double counted_s = after.counted_t - before.counted_t;
  ReplicaRates rate;
  rate.name = after.name;
  rate.answered = grown(before.answered, after.answered);
  rate.received_per_s = per_second(grown(before.received, after.received), counted_s);
  rate.answered_per_s = per_second(rate.answered, counted_s);
  rate.errors_per_s = per_second(grown(before.errors, after.errors), counted_s);
  rate.cpu_milli = to_milli(grown(before.cpu_us, after.cpu_us), after.used_t - before.used_t);
  rate.periods = grown(before.periods, after.periods);
  rate.throttled_periods = grown(before.throttled_periods, after.throttled_periods);
  rate.throttled_us = grown(before.throttled_us, after.throttled_us);
  return rate;
}

}  // namespace

std::optional<double> Span::throttled_fraction() const {
  std::uint64_t periods = 0;
  std::uint64_t throttled = 0;
  for (const auto& replica : replicas) {
    periods += replica.periods.value_or(0);
    throttled += replica.throttled_periods.value_or(0);
  }
  if (periods == 0) return std::nullopt;
  return static_cast<double>(throttled) / static_cast<double>(periods);
}

std::optional<double> Span::imbalance() const {
  double most = 0;
  for (const auto& replica : replicas) most = std::max(most, replica.answered_per_s);
  if (most <= 0) return std::nullopt;
  return most * static_cast<double>(replicas.size()) / answered_per_s;
}

double Span::share(const ReplicaRates& replica) const {
  return answered_per_s > 0 ? replica.answered_per_s / answered_per_s : 0;
}

Span between(const Sample& earlier, const Sample& later) {
  Span span;
  span.from_t = earlier.t;
  span.to_t = later.t;
  const double seconds = later.t - earlier.t;
  for (const auto& after : later.replicas) {
    const auto before =
        std::find_if(earlier.replicas.begin(), earlier.replicas.end(),
                     [&](const ReplicaSample& replica) { return replica.name == after.name; });
    ReplicaSample nothing;
    nothing.counted_t = nothing.used_t = earlier.t;
    auto rate = rates(before == earlier.replicas.end() ? nothing : *before, after);
    // What has been gone since before is no part of this time.
    const bool was_gone = before != earlier.replicas.end() && before->state == "gone";
    if (was_gone && rate.answered == 0) continue;
    span.received_per_s += rate.received_per_s;
    span.answered_per_s += rate.answered_per_s;
    span.errors_per_s += rate.errors_per_s;
    span.replicas_cpu_milli += rate.cpu_milli;
    span.replicas.push_back(std::move(rate));
  }
  if (earlier.generator_cpu_us && later.generator_cpu_us) {
    span.generator_cpu_milli =
        to_milli(grown(*earlier.generator_cpu_us, *later.generator_cpu_us), seconds);
  }
  if (earlier.host_cpu_us && later.host_cpu_us) {
    span.host_cpu_milli = to_milli(grown(*earlier.host_cpu_us, *later.host_cpu_us), seconds);
  }
  return span;
}

std::optional<Steady> steady_time(double settled_t, double spread_s, double load_end_t) {
  const double settled = std::max(settled_t, 0.0);
  const double wanted = std::max(settled_t > 0 ? settled_t + spread_s : 0.0, kWarmUp_s);
  const double latest = std::max(load_end_t - kLeastSteady_s, settled);
  const double from = std::min(wanted, latest);
  if (load_end_t - from < kLeastSpan_s) return std::nullopt;
  return Steady{from, load_end_t};
}

std::optional<Span> span_of(const std::vector<Sample>& samples, double from_t, double to_t) {
  constexpr double kSlack = 1e-6;
  const Sample* first = nullptr;
  const Sample* last = nullptr;
  for (const auto& sample : samples) {
    if (sample.t < from_t - kSlack || sample.t > to_t + kSlack) continue;
    if (first == nullptr) first = &sample;
    last = &sample;
  }
  if (first == nullptr || first == last) return std::nullopt;
  return between(*first, *last);
}

Reconciliation reconcile(std::uint64_t generator, std::uint64_t probe, std::uint64_t replicas,
                         std::int64_t in_flight, const std::vector<std::string>& ended) {
  Reconciliation result;
  result.generator = generator;
  result.probe = probe;
  result.replicas = replicas;
  result.allowed = in_flight;
  result.difference = static_cast<std::int64_t>(replicas - generator - probe);
  result.ok = result.difference >= 0 && result.difference <= in_flight;
  if (result.ok) return result;
  if (!ended.empty()) {
    result.reason = fmt::format(
        "{} ended during the load: what it answered after it was last read is not counted on the "
        "replicas' "
        "side",
        fmt::join(ended, ", "));
  } else if (result.difference < 0) {
    result.reason = "the clients counted more answers than the replicas gave";
  } else {
    result.reason =
        "the replicas gave more answers than the clients read and may have had on their way";
  }
  return result;
}

}  // namespace iris::scale
