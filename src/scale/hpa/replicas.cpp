#include "scale/hpa/replicas.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "scale/hpa/classify.hpp"
#include "scale/hpa/samples.hpp"
#include "scale/hpa/saturate.hpp"

namespace iris::scale::hpa {
namespace {

// Sums of thousandths × 100 outgrow 64 bits before the quantities themselves do.
__extension__ typedef __int128 Wide;

struct Usage {
  double ratio = 0;
  std::optional<std::int32_t> percent;
  std::int64_t average_milli = 0;
};

// One kind of target: how usage is measured against it, and what a pod without a metric is taken
// to use when that speaks against scaling down.
struct Measure {
  std::function<Result<Usage>(const Samples&)> usage;
  std::function<std::int64_t(const std::string& pod)> assumed_when_low;
};

// Σ usage · 100 / Σ request, truncated: metrics/utilization.go GetResourceUtilizationRatio.
Result<Usage> utilization(const Samples& samples, const Requests& requests, std::int32_t target) {
  Wide used = 0;
  Wide requested = 0;
  std::int64_t entries = 0;
  for (const auto& [pod, sample] : samples) {
    const auto request = requests.find(pod);
    if (request == requests.end()) continue;  // a metric of a pod that is not listed
    used += sample.usage_milli;
    requested += request->second;
    ++entries;
  }
  if (requested == 0) return input_error("no metrics returned matched known pods");
  const auto percent = saturate<std::int32_t>(used * 100 / requested);
  return Usage{static_cast<double>(percent) / static_cast<double>(target), percent,
               saturate<std::int64_t>(used / entries)};
}

// The truncated mean: metrics/utilization.go GetMetricUsageRatio. `samples` is not empty.
Usage average(const Samples& samples, std::int64_t target_milli) {
  Wide used = 0;
  for (const auto& [pod, sample] : samples) used += sample.usage_milli;
  const auto mean = saturate<std::int64_t>(used / static_cast<std::int64_t>(samples.size()));
  return {static_cast<double>(mean) / static_cast<double>(target_milli), std::nullopt, mean};
}

Result<MetricReading> evaluate(const Measure& measure, Samples samples, const PodClasses& pods,
                               std::int32_t current, const Tolerances& tolerances) {
  const auto usage = measure.usage(samples);
  if (!usage) return tl::unexpected(usage.error());
  const double ratio = usage->ratio;
  MetricReading reading;
  reading.utilization_percent = usage->percent;
  reading.average_milli = usage->average_milli;
  reading.ratio = ratio;
  const auto stay = [&](Basis basis) {
    reading.proposed_replicas = current;
    reading.basis = basis;
    return reading;
  };

  const bool up_with_unready = !pods.unready.empty() && ratio > 1.0;
  if (!up_with_unready && pods.missing.empty()) {
    reading.counted_pods = static_cast<std::int64_t>(pods.ready.size());
    if (tolerances.holds(ratio)) return stay(Basis::kTolerance);
    reading.proposed_replicas = ceil_to_int32(ratio * static_cast<double>(pods.ready.size()));
    return reading;
  }

  // Fill the gaps with what speaks against the change; at exactly 1 there is none to speak against.
  for (const auto& pod : pods.missing) {
    if (ratio < 1.0) {
      samples[pod] = {{}, {}, measure.assumed_when_low(pod)};
    } else if (ratio > 1.0) {
      samples[pod] = {};
    }
  }
  if (up_with_unready) {
    for (const auto& pod : pods.unready) samples[pod] = {};
  }
  const auto filled = measure.usage(samples);
  if (!filled) return tl::unexpected(filled.error());
  const double again = filled->ratio;
  reading.filled_ratio = again;
  reading.counted_pods = static_cast<std::int64_t>(samples.size());
  if (tolerances.holds(again)) return stay(Basis::kTolerance);
  if ((ratio < 1.0 && again > 1.0) || (ratio > 1.0 && again < 1.0)) return stay(Basis::kTurned);
  const std::int32_t replicas = ceil_to_int32(again * static_cast<double>(samples.size()));
  if ((again < 1.0 && replicas > current) || (again > 1.0 && replicas < current)) {
    return stay(Basis::kTurned);
  }
  reading.proposed_replicas = replicas;
  return reading;
}

Result<Measure> measure_of(const kube::MetricSpec& metric, const std::vector<kube::Pod>& pods) {
  if (metric.target.average_value) {
    const std::int64_t target = metric.target.average_value->milli();
    return Measure{[target](const Samples& samples) { return average(samples, target); },
                   [target](const std::string&) { return target; }};
  }
  auto requests = collect_requests(pods, metric.name, metric.container);
  if (!requests) return tl::unexpected(requests.error());
  const std::int32_t target = *metric.target.average_utilization;
  const auto shared = std::make_shared<const Requests>(std::move(*requests));
  return Measure{
      [shared, target](const Samples& samples) { return utilization(samples, *shared, target); },
      [shared, target](const std::string& pod) {
        return saturate<std::int64_t>(Wide{shared->at(pod)} * std::max(100, target) / 100);
      }};
}

Result<MetricReading> read_resource(const kube::MetricSpec& metric, const Observation& seen,
                                    const ControllerConfig& config, PodClasses& pods) {
  auto samples = collect_samples(seen.metrics, metric.name, metric.container);
  if (!samples) {
    return input_error("unable to get metrics for resource {}: {}", metric.name,
                       samples.error().message);
  }
  if (seen.pods.empty()) {
    return input_error("no pods returned by selector while calculating replica count");
  }
  pods = classify(seen.pods, *samples, metric.name, config, seen.now);
  for (const auto* dropped : {&pods.ignored, &pods.unready}) {
    for (const auto& pod : *dropped) samples->erase(pod);
  }
  if (samples->empty()) {
    return input_error("did not receive metrics for targeted pods (pods might be unready)");
  }
  const auto measure = measure_of(metric, seen.pods);
  if (!measure) return tl::unexpected(measure.error());
  return evaluate(*measure, std::move(*samples), pods, seen.current_replicas,
                  tolerances_of(seen.hpa, config));
}

Result<MetricReading> without_source(const kube::MetricSpec& metric, std::string_view type) {
  return input_error(
      "unable to get metric {}: metrics of type {} have no source here; only resource metrics are "
      "evaluated",
      metric.name, type);
}

}  // namespace

Tolerances tolerances_of(const kube::HorizontalPodAutoscaler& hpa, const ControllerConfig& config) {
  Tolerances tolerances{config.tolerance, config.tolerance};
  if (!hpa.behavior) return tolerances;
  tolerances.down = hpa.behavior->scale_down.tolerance.value_or(tolerances.down);
  tolerances.up = hpa.behavior->scale_up.tolerance.value_or(tolerances.up);
  return tolerances;
}

Proposal propose(const kube::MetricSpec& metric, const Observation& seen,
                 const ControllerConfig& config) {
  switch (metric.type) {
    case kube::MetricType::kPods:
      return {{}, without_source(metric, "Pods")};
    case kube::MetricType::kObject:
      return {{}, without_source(metric, "Object")};
    case kube::MetricType::kExternal:
      return {{}, without_source(metric, "External")};
    case kube::MetricType::kResource:
    case kube::MetricType::kContainerResource:
      break;
  }
  if (!metric.target.average_value && !metric.target.average_utilization) {
    return {{},
            input_error("invalid resource metric source: neither an average utilization target "
                        "nor an average value (usage) target was set")};
  }
  Proposal proposal;
  proposal.reading = read_resource(metric, seen, config, proposal.pods);
  if (!proposal.reading) {
    proposal.reading = input_error("failed to get {} {}: {}", metric.name,
                                   metric.target.average_value ? "usage" : "utilization",
                                   std::string(proposal.reading.error().message));
    return proposal;
  }
  proposal.reading->name = metric.name;
  proposal.reading->container = metric.container;
  if (metric.target.average_value) {
    proposal.reading->target_milli = metric.target.average_value->milli();
  } else {
    proposal.reading->target_percent = metric.target.average_utilization;
  }
  return proposal;
}

}  // namespace iris::scale::hpa
