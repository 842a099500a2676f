#include "scale/record_fields.hpp"

#include <cmath>

namespace iris::scale {
namespace {

std::optional<double> rounded(const std::optional<double>& value, int digits) {
  return value ? std::optional(scale::rounded(*value, digits)) : std::nullopt;
}

double whole(double value) {
  return scale::rounded(value, 0);
}

Record or_null_text(const std::string& text) {
  return text.empty() ? Record(nullptr) : Record(text);
}

const ReplicaRates* find(const Span& span, const std::string& name) {
  for (const auto& rates : span.replicas) {
    if (rates.name == name) return &rates;
  }
  return nullptr;
}

Record replica_fields(const ReplicaSample& replica, const ReplicaRates* rates) {
  const auto rate = rates == nullptr ? ReplicaRates{} : *rates;
  return {{"name", replica.name},
          {"slot", replica.slot},
          {"state", replica.state},
          {"requests", replica.answered},
          {"requests_per_s", whole(rate.answered_per_s)},
          {"connections", or_null(replica.connections)},
          {"cpu_milli", whole(rate.cpu_milli)},
          {"periods", or_null(rate.periods)},
          {"throttled_periods", or_null(rate.throttled_periods)},
          {"throttled_us", or_null(rate.throttled_us)},
          {"memory_bytes", replica.memory_bytes}};
}

Record shares(const Span& span) {
  Record list = Record::array();
  for (const auto& replica : span.replicas) {
    list.push_back({{"replica", replica.name}, {"share", scale::rounded(span.share(replica), 4)}});
  }
  return list;
}

}  // namespace

double rounded(double value, int digits) {
  const double unit = std::pow(10.0, digits);
  return std::round(value * unit) / unit;
}

Record tick_fields(const Tick& tick) {
  const auto& decision = tick.decision;
  Record fields = {{"current", decision.current_replicas}, {"desired", decision.desired_replicas}};
  const auto& metric = decision.metric;
  fields["utilization_percent"] = metric ? or_null(metric->utilization_percent) : Record();
  fields["target_percent"] = metric ? or_null(metric->target_percent) : Record();
  fields["ratio"] = metric ? Record(rounded(metric->ratio, 4)) : Record();
  fields["proposed"] = metric ? Record(metric->proposed_replicas) : Record();
  fields["stabilized"] = or_null(decision.stabilized);
  fields["limited_by"] =
      decision.limited_by ? Record(hpa::to_string(*decision.limited_by)) : Record();
  fields["pods"] = {{"ready", decision.pods.ready},
                    {"unready", decision.pods.unready},
                    {"missing", decision.pods.missing},
                    {"ignored", decision.pods.ignored}};
  fields["conditions"] = Record::array();
  for (const auto& condition : decision.conditions) {
    fields["conditions"].push_back({{"type", condition.type},
                                    {"status", condition.status ? "True" : "False"},
                                    {"reason", condition.reason}});
  }
  fields["because"] = decision.because;
  fields["error"] = or_null(decision.error);
  return fields;
}

Record event_fields(const char* kind, const std::string& replica, const std::string& message) {
  return {{"kind", kind},
          {"from", nullptr},
          {"to", nullptr},
          {"replica", or_null_text(replica)},
          {"message", message}};
}

Record scale_event_fields(int from, int to, const std::string& message) {
  return {
      {"kind", "scale"}, {"from", from}, {"to", to}, {"replica", nullptr}, {"message", message}};
}

Record sample_fields(const Sample& before, const Sample& now,
                     const std::optional<load::ProbeCounts>& probe, std::size_t cores) {
  const auto span = between(before, now);
  const double interval_s = now.t - before.t;
  Record fields = {{"interval_s", rounded(interval_s, 3)},
                   {"desired", now.desired},
                   {"ready", now.ready},
                   {"offered_per_s", whole(span.received_per_s)},
                   {"completed_per_s", whole(span.answered_per_s)}};
  // What the replicas refused, and what the probe got no answer to.
  const auto unanswered = probe ? static_cast<double>(probe->failed - probe->rejected) : 0;
  fields["errors_per_s"] = whole(span.errors_per_s + unanswered / interval_s);
  fields["probe"] = probe_fields(probe);
  fields["replicas"] = Record::array();
  for (const auto& replica : now.replicas) {
    fields["replicas"].push_back(replica_fields(replica, find(span, replica.name)));
  }
  fields["generator"] = {{"cpu_milli", or_null(rounded(span.generator_cpu_milli, 0))}};
  fields["host"] = {{"cpu_milli", or_null(rounded(span.host_cpu_milli, 0))},
                    {"cores", cores > 0 ? Record(cores) : Record()}};
  return fields;
}

Record probe_fields(const std::optional<load::ProbeCounts>& counts) {
  if (!counts) {
    Record fields;
    for (const char* name :
         {"sent", "answered", "failed", "samples", "p50_us", "p90_us", "p99_us", "max_us"}) {
      fields[name] = nullptr;
    }
    return fields;
  }
  Record fields = {
      {"sent", counts->sent}, {"answered", counts->answered}, {"failed", counts->failed}};
  const auto& latency = counts->latency_us;
  const auto figure = [&](std::uint64_t value) {
    return latency.count() == 0 ? Record(nullptr) : Record(value);
  };
  fields["samples"] = latency.count();
  fields["p50_us"] = figure(latency.quantile(0.50));
  fields["p90_us"] = figure(latency.quantile(0.90));
  fields["p99_us"] = figure(latency.quantile(0.99));
  fields["max_us"] = figure(latency.max());
  return fields;
}

Record wrk_fields(const load::WrkReport& report) {
  const auto& errors = report.socket_errors;
  return {{"requests", report.requests},
          {"duration_s", report.duration_s},
          {"requests_per_s", whole(report.requests_per_s)},
          {"max_us", report.max_us},
          {"socket_errors",
           {{"connect", errors.connect},
            {"read", errors.read},
            {"write", errors.write},
            {"timeout", errors.timeout}}},
          {"non_2xx", report.non_2xx},
          {"output", report.output}};
}

Record littles_law_fields(const std::optional<LittlesLaw>& law) {
  if (!law) return nullptr;
  return {{"in_flight", rounded(law->in_flight, 1)},
          {"connections", law->connections},
          {"ok", law->holds}};
}

Record reconciliation_fields(const Reconciliation& reconciliation) {
  return {{"ok", reconciliation.ok},
          {"generator", reconciliation.generator},
          {"probe", reconciliation.probe},
          {"replicas", reconciliation.replicas},
          {"difference", reconciliation.difference},
          {"allowed", reconciliation.allowed},
          {"reason", or_null_text(reconciliation.reason)}};
}

Record steady_fields(const Span& span) {
  return {{"from_t", rounded(span.from_t, 3)},
          {"to_t", rounded(span.to_t, 3)},
          {"requests_per_s", whole(span.answered_per_s)},
          {"imbalance", or_null(rounded(span.imbalance(), 3))},
          {"throttled_fraction", or_null(rounded(span.throttled_fraction(), 4))},
          {"share", shares(span)},
          {"cpu_milli",
           {{"replicas", whole(span.replicas_cpu_milli)},
            {"generator", or_null(rounded(span.generator_cpu_milli, 0))},
            {"host", or_null(rounded(span.host_cpu_milli, 0))}}}};
}

Record whole_fields(const Span& span, double answered_per_s, int replicas_max, std::size_t lost) {
  return {{"requests_per_s", whole(answered_per_s)},
          {"throttled_fraction", or_null(rounded(span.throttled_fraction(), 4))},
          {"imbalance", or_null(rounded(span.imbalance(), 3))},
          {"share", shares(span)},
          {"replicas_max", replicas_max},
          {"replicas_lost", lost}};
}

}  // namespace iris::scale
