#include "scale/hpa/behavior.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "scale/hpa/saturate.hpp"

namespace iris::scale::hpa {
namespace {

using std::chrono::seconds;

// Upstream looks for the last slot that is out of date, and reuses it.
template <class Entry, class Outdated>
void remember(std::vector<Entry>& entries, Entry entry, Outdated outdated) {
  const auto found = std::find_if(entries.rbegin(), entries.rend(), outdated);
  if (found == entries.rend()) {
    entries.push_back(entry);
  } else {
    *found = entry;
  }
}

struct Bounded {
  std::int32_t desired = 0;
  const char* reason = nullptr;
  const char* message = nullptr;
  std::optional<Limit> limit;
};

Bounded within_range(std::int32_t replicas) {
  return {replicas, "DesiredWithinRange", "the desired count is within the acceptable range",
          std::nullopt};
}

Bounded at_scale_up_limit(std::int32_t replicas) {
  return {replicas, "ScaleUpLimit",
          "the desired replica count is increasing faster than the maximum scale rate",
          Limit::kPolicy};
}

Bounded at_scale_down_limit(std::int32_t replicas) {
  return {replicas, "ScaleDownLimit",
          "the desired replica count is decreasing faster than the maximum scale rate",
          Limit::kPolicy};
}

Bounded at_maximum(std::int32_t replicas) {
  return {replicas, "TooManyReplicas",
          "the desired replica count is more than the maximum replica count", Limit::kMaxReplicas};
}

Bounded at_minimum(std::int32_t replicas) {
  return {replicas, "TooFewReplicas",
          "the desired replica count is less than the minimum replica count", Limit::kMinReplicas};
}

// Without `behavior`: the largest recommendation of the window.
std::int32_t stabilize(const Observation& seen, const ControllerConfig& config,
                       std::int32_t proposed, History& history) {
  const WallTime cutoff = seen.now - config.downscale_stabilization;
  std::int32_t largest = proposed;
  for (const auto& one : history.recommendations) {
    if (one.at >= cutoff) largest = std::max(largest, one.replicas);
  }
  remember(history.recommendations, Recommendation{seen.now, proposed},
           [&](const Recommendation& one) { return one.at < cutoff; });
  return largest;
}

Bounded bound(const Observation& seen, const ControllerConfig& config, std::int32_t desired) {
  const std::int32_t limit =
      to_int32(std::max(config.scale_up_limit_factor * static_cast<double>(seen.current_replicas),
                        config.scale_up_limit_minimum));
  if (desired < seen.hpa.min_replicas) return at_minimum(seen.hpa.min_replicas);
  if (seen.hpa.max_replicas > limit) {
    if (desired > limit) return at_scale_up_limit(limit);
  } else if (desired > seen.hpa.max_replicas) {
    return at_maximum(seen.hpa.max_replicas);
  }
  return within_range(desired);
}

// With `behavior`: the current count, raised to the smallest recommendation of the up window, then
// lowered to the largest of the down window.
std::int32_t stabilize_by(const kube::Behavior& behavior, const Observation& seen,
                          const ControllerConfig& config, std::int32_t proposed, History& history) {
  const auto cutoff = [&](const kube::ScalingRules& rules, Nanoseconds otherwise) {
    const auto window = rules.stabilization_window_seconds;
    return seen.now - (window ? Nanoseconds(seconds(*window)) : otherwise);
  };
  const WallTime up_cutoff = cutoff(behavior.scale_up, Nanoseconds(0));
  const WallTime down_cutoff =
      cutoff(behavior.scale_down, std::chrono::floor<seconds>(config.downscale_stabilization));
  std::int32_t up = proposed;
  std::int32_t down = proposed;
  for (const auto& one : history.recommendations) {
    if (one.at > up_cutoff) up = std::min(up, one.replicas);
    if (one.at > down_cutoff) down = std::max(down, one.replicas);
  }
  remember(history.recommendations, Recommendation{seen.now, proposed},
           [&](const Recommendation& one) { return one.at < up_cutoff && one.at < down_cutoff; });
  return std::min(std::max(seen.current_replicas, up), down);
}

std::int64_t changed_within(std::int32_t period_seconds, const std::vector<ScaleEvent>& events,
                            WallTime now) {
  const WallTime cutoff = now - seconds(period_seconds);
  std::int64_t replicas = 0;
  for (const auto& event : events) {
    if (event.at > cutoff) replicas += event.change;
  }
  return replicas;
}

// How many replicas there were when the policy's period began.
std::int64_t at_start_of_period(const kube::ScalingPolicy& policy, const Observation& seen,
                                const History& history) {
  return seen.current_replicas -
         changed_within(policy.period_seconds, history.scale_up_events, seen.now) +
         changed_within(policy.period_seconds, history.scale_down_events, seen.now);
}

// Source: horizontal.go calculateScaleUpLimitWithScalingRules.
std::int32_t scale_up_limit(const kube::ScalingRules& rules, const Observation& seen,
                            const History& history) {
  if (rules.select_policy == kube::SelectPolicy::kDisabled) return seen.current_replicas;
  const bool least = rules.select_policy == kube::SelectPolicy::kMin;
  std::int32_t limit =
      least ? std::numeric_limits<std::int32_t>::max() : std::numeric_limits<std::int32_t>::min();
  for (const auto& policy : rules.policies) {
    const std::int64_t start = at_start_of_period(policy, seen, history);
    // Rounded up: a small percentage of few replicas must still be able to add one.
    const std::int32_t allowed = policy.type == kube::ScalingPolicy::Type::kPods
                                     ? saturate<std::int32_t>(start + policy.value)
                                     : ceil_to_int32(static_cast<double>(start) *
                                                     (1 + static_cast<double>(policy.value) / 100));
    limit = least ? std::min(limit, allowed) : std::max(limit, allowed);
  }
  return limit;
}

// Source: horizontal.go calculateScaleDownLimitWithBehaviors.
std::int32_t scale_down_limit(const kube::ScalingRules& rules, const Observation& seen,
                              const History& history) {
  if (rules.select_policy == kube::SelectPolicy::kDisabled) return seen.current_replicas;
  const bool least = rules.select_policy == kube::SelectPolicy::kMin;
  std::int32_t limit =
      least ? std::numeric_limits<std::int32_t>::min() : std::numeric_limits<std::int32_t>::max();
  for (const auto& policy : rules.policies) {
    const std::int64_t start = at_start_of_period(policy, seen, history);
    const std::int32_t allowed =
        policy.type == kube::ScalingPolicy::Type::kPods
            ? saturate<std::int32_t>(start - policy.value)
            : to_int32(static_cast<double>(start) * (1 - static_cast<double>(policy.value) / 100));
    limit = least ? std::max(limit, allowed) : std::min(limit, allowed);
  }
  return limit;
}

// Source: horizontal.go convertDesiredReplicasWithBehaviorRate.
Bounded bound_by(const kube::Behavior& behavior, const Observation& seen, const History& history,
                 std::int32_t desired) {
  const std::int32_t current = seen.current_replicas;
  if (desired > current) {
    const std::int32_t limit = std::max(current, scale_up_limit(behavior.scale_up, seen, history));
    if (seen.hpa.max_replicas > limit) {
      if (desired > limit) return at_scale_up_limit(limit);
    } else if (desired > seen.hpa.max_replicas) {
      return at_maximum(seen.hpa.max_replicas);
    }
  } else if (desired < current) {
    const std::int32_t limit =
        std::min(current, scale_down_limit(behavior.scale_down, seen, history));
    if (seen.hpa.min_replicas < limit) {
      if (desired < limit) return at_scale_down_limit(limit);
    } else if (desired < seen.hpa.min_replicas) {
      return at_minimum(seen.hpa.min_replicas);
    }
  }
  return within_range(desired);
}

Condition able_to_scale(std::int32_t stabilized, std::int32_t proposed, bool upward) {
  if (stabilized == proposed) {
    return {"AbleToScale", true, "ReadyForNewScale", "recommended size matches current size"};
  }
  if (upward) {
    return {"AbleToScale", true, "ScaleUpStabilized",
            "recent recommendations were lower than current one, applying the lowest recent "
            "recommendation"};
  }
  return {"AbleToScale", true, "ScaleDownStabilized",
          "recent recommendations were higher than current one, applying the highest recent "
          "recommendation"};
}

}  // namespace

Normalized normalize(const Observation& seen, const ControllerConfig& config, std::int32_t proposed,
                     History& history) {
  const auto& behavior = seen.hpa.behavior;
  const std::int32_t stabilized = behavior
                                      ? stabilize_by(*behavior, seen, config, proposed, history)
                                      : stabilize(seen, config, proposed, history);
  const Bounded bounded =
      behavior ? bound_by(*behavior, seen, history, stabilized) : bound(seen, config, stabilized);
  Normalized normalized;
  normalized.stabilized = stabilized;
  normalized.desired = bounded.desired;
  if (stabilized != proposed) normalized.limited_by = Limit::kStabilization;
  if (bounded.limit) normalized.limited_by = bounded.limit;
  // Without `behavior` the window works downward only.
  normalized.able_to_scale =
      able_to_scale(stabilized, proposed, behavior && proposed >= seen.current_replicas);
  normalized.scaling_limited = {"ScalingLimited", bounded.desired != stabilized, bounded.reason,
                                bounded.message};
  return normalized;
}

void remember_scaling(const Observation& seen, std::int32_t desired, History& history) {
  if (!seen.hpa.behavior) return;
  const bool up = desired > seen.current_replicas;
  const auto& rules = up ? seen.hpa.behavior->scale_up : seen.hpa.behavior->scale_down;
  std::int32_t longest_seconds = 0;
  for (const auto& policy : rules.policies) {
    longest_seconds = std::max(longest_seconds, policy.period_seconds);
  }
  const WallTime cutoff = seen.now - seconds(longest_seconds);
  const std::int32_t change =
      up ? desired - seen.current_replicas : seen.current_replicas - desired;
  remember(up ? history.scale_up_events : history.scale_down_events, ScaleEvent{seen.now, change},
           [&](const ScaleEvent& event) { return event.at < cutoff; });
}

}  // namespace iris::scale::hpa
