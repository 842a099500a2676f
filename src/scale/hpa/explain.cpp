#include "scale/hpa/explain.hpp"

#include <fmt/format.h>

#include <string_view>

namespace iris::scale::hpa {
namespace {

std::string quantity(std::string_view resource, std::int64_t milli) {
  if (resource == "cpu") return fmt::format("{}m", milli);
  constexpr double kMebi = 1024.0 * 1024.0;
  return fmt::format("{:.1f}Mi", static_cast<double>(milli) / 1000 / kMebi);
}

std::string count(std::size_t number, std::string_view what) {
  return fmt::format("{} {} pod{}", number, what, number == 1 ? "" : "s");
}

// What was assumed of the pods without a usable metric.
std::string assumptions(const MetricReading& metric, const PodClasses& pods) {
  std::string text;
  if (!pods.missing.empty() && metric.ratio != 1.0) {
    text = count(pods.missing.size(), "missing") +
           (metric.ratio < 1.0 ? " taken at full use" : " taken as idle");
  }
  if (!pods.unready.empty() && metric.ratio > 1.0) {
    if (!text.empty()) text += " and ";
    text += count(pods.unready.size(), "unready") + " taken as idle";
  }
  return text.empty() ? text : fmt::format(" with {}", text);
}

std::string reading(const MetricReading& metric) {
  const std::string name = metric.container.empty()
                               ? metric.name
                               : fmt::format("{} of container {}", metric.name, metric.container);
  if (metric.utilization_percent) {
    return fmt::format("{} at {} % of requests against a target of {} %", name,
                       *metric.utilization_percent, metric.target_percent.value_or(0));
  }
  return fmt::format("{} at {} a pod against a target of {}", name,
                     quantity(metric.name, metric.average_milli),
                     quantity(metric.name, metric.target_milli.value_or(0)));
}

std::string proposal(const Decision& decision, const Tolerances& tolerances) {
  const MetricReading& metric = *decision.metric;
  const double ratio = metric.filled_ratio.value_or(metric.ratio);
  const std::string assumed =
      metric.filled_ratio ? assumptions(metric, decision.pods) : std::string();
  switch (metric.basis) {
    case Basis::kTolerance:
      return fmt::format("ratio {:.2f}{} is within {:.2f} to {:.2f}, so {} stays", ratio, assumed,
                         1.0 - tolerances.down, 1.0 + tolerances.up, metric.proposed_replicas);
    case Basis::kTurned:
      return fmt::format("ratio {:.2f}{} would turn the direction, so {} stays", ratio, assumed,
                         metric.proposed_replicas);
    case Basis::kRatio:
      break;
  }
  return fmt::format("{} × {:.2f}{} → {}", metric.counted_pods, ratio, assumed,
                     metric.proposed_replicas);
}

std::string limitation(const Decision& decision) {
  std::string text;
  const std::int32_t proposed = decision.metric->proposed_replicas;
  const std::int32_t stabilized = decision.stabilized.value_or(proposed);
  if (stabilized != proposed) {
    text += fmt::format(", held at {} by recent recommendations", stabilized);
  }
  if (decision.desired_replicas != stabilized) {
    text += fmt::format(", limited to {} by {}", decision.desired_replicas,
                        decision.limited_by == Limit::kPolicy ? "the scaling policy"
                        : decision.limited_by                 ? to_string(*decision.limited_by)
                                                              : "nothing");
  }
  return text;
}

}  // namespace

std::string explain(const Decision& decision, const Tolerances& tolerances) {
  if (!decision.metric) {
    if (decision.error) return fmt::format("no scaling: {}", *decision.error);
    if (decision.limited_by == Limit::kMaxReplicas) {
      return fmt::format("{} replicas are above maxReplicas: {} at once, past every metric",
                         decision.current_replicas, decision.desired_replicas);
    }
    if (decision.limited_by == Limit::kMinReplicas) {
      return fmt::format("{} replicas are below minReplicas: {} at once, past every metric",
                         decision.current_replicas, decision.desired_replicas);
    }
    return "scaling is disabled while the target has 0 replicas";
  }
  std::string text = fmt::format("{}: {}{}", reading(*decision.metric),
                                 proposal(decision, tolerances), limitation(decision));
  if (decision.error) text += fmt::format("; {}", *decision.error);
  return text;
}

}  // namespace iris::scale::hpa
