#include "scale/scenario_recorder.hpp"

#include <string_view>

#include "scale/record_fields.hpp"

namespace iris::scale {
ScenarioRecorder::ScenarioRecorder(const Scenario& scenario, Outside outside)
    : scenario_(scenario),
      outside_(outside),
      journal_(outside.records, scenario.name, outside.clock) {
  outcome_.name = scenario.name;
  outcome_.max_replicas = scenario.hpa.max_replicas;
}

void ScenarioRecorder::start(const ScenarioStart& start) {
  const auto& hpa = scenario_.hpa;
  const auto& metric = hpa.metrics.front();
  // A command that was not read here has no connections that are known.
  outcome_.connections = start.wrk.connections;
  connection_age_ = start.connection_age;
  journal_.append(
      "scenario_start",
      {{"title", scenario_.title},
       {"reference", scenario_.reference},
       {"connections", start.wrk.connections > 0 ? Record(start.wrk.connections) : Record()},
       {"min_replicas", hpa.min_replicas},
       {"max_replicas", hpa.max_replicas},
       {"load",
        {{"tool", "wrk"},
         {"argv", start.wrk.connections > 0 ? load::to_argv(start.wrk) : start.job_argv},
         {"job_argv", start.job_argv},
         {"duration_s", to_seconds(start.wrk.duration)},
         {"threads", start.wrk.threads}}},
       {"hpa",
        {{"name", hpa.metadata.name},
         {"metric", metric.name},
         {"target_percent", or_null(metric.target.average_utilization)},
         {"sync_period_s", start.sync_period_s}}},
       {"pod",
        {{"cpu_request_milli", start.cpu_request_milli},
         {"cpu_limit_milli", start.cpu_limit_milli},
         {"memory_limit_bytes", start.memory_limit_bytes},
         {"scaled_cpu_request_milli", start.scaled_cpu_request_milli},
         {"scaled_cpu_limit_milli", start.scaled_cpu_limit_milli},
         {"connection_age_s", rounded(to_seconds(start.connection_age), 3)}}}});
}

void ScenarioRecorder::event(const char* kind, const std::string& replica,
                             const std::string& message, std::optional<SteadyTime> at) {
  journal_.append("event", at.value_or(outside_.clock.steady()),
                  event_fields(kind, replica, message));
  const auto line =
      fmt::format("{}: {}{}{}", scenario_.name, replica, replica.empty() ? "" : " ", message);
  const bool bad = kind == std::string_view("replica_lost") || kind == std::string_view("warning");
  bad ? outside_.log.warn("{}", line) : outside_.log.info("{}", line);
}

void ScenarioRecorder::scaled(int from, int to, const std::string& message,
                              std::optional<SteadyTime> at) {
  journal_.append("event", at.value_or(outside_.clock.steady()),
                  scale_event_fields(from, to, message));
}

void ScenarioRecorder::tick(Record fields, std::optional<SteadyTime> at) {
  journal_.append("tick", at.value_or(outside_.clock.steady()), std::move(fields));
}

void ScenarioRecorder::sample(SteadyTime at, Sample now,
                              const std::optional<load::ProbeCounts>& probe) {
  if (!samples_.empty()) {
    const auto& before = samples_.back();
    journal_.append("sample", at, sample_fields(before, now, probe, outside_.cores));
    print_progress(before, now, probe);
    if (probe) probe_intervals_.push_back({before.t, now.t, *probe});
  }
  samples_.push_back(std::move(now));
}

void ScenarioRecorder::print_progress(const Sample& before, const Sample& now,
                                      const std::optional<load::ProbeCounts>& probe) const {
  const auto span = between(before, now);
  const auto throttled = span.throttled_fraction();
  std::string line =
      fmt::format("{}: {:3.0f} s  replicas {}/{}  {:7.0f} requests/s", scenario_.name, now.t,
                  now.ready, now.desired, span.answered_per_s);
  if (probe) {
    // A second holds too few samples for a p99.
    line += fmt::format("  probe's slowest {:6.1f} ms",
                        static_cast<double>(probe->latency_us.max()) / 1e3);
  }
  outside_.log.info("{}  throttled {}", line,
                    throttled ? fmt::format("{:3.0f} %", 100 * *throttled) : "-");
}

void ScenarioRecorder::fail(const std::string& reason) {
  outcome_.status = ScenarioStatus::kFailed;
  if (outcome_.reason.empty()) outcome_.reason = reason;
  outside_.log.error("{}: {}", scenario_.name, reason);
}

void ScenarioRecorder::give_up(const Error& error) {
  outcome_.status = ScenarioStatus::kFailed;
  outcome_.reason = error.message;
}

void ScenarioRecorder::interrupted() {
  outcome_.status = ScenarioStatus::kInterrupted;
}

void ScenarioRecorder::conclude(const LoadEnd& end, bool judge) {
  whole_ = between(samples_.front(), end.last);
  std::uint64_t answered = 0;
  for (const auto& replica : whole_->replicas) answered += replica.answered;
  outcome_.replicas_max = end.replicas_max;
  std::uint64_t probe_answers = 0;
  std::uint64_t unknown = 0;  // answers to the probe that came after its deadline
  if (const auto& probe = outcome_.probe) {
    probe_answers = probe->answered + probe->rejected;
    unknown = probe->failed - probe->rejected;
    outcome_.failed_requests = probe->failed;
  }
  const auto on_their_way = outcome_.connections + static_cast<std::int64_t>(unknown);
  outcome_.reconciliation = reconcile(outcome_.load ? outcome_.load->requests : 0, probe_answers,
                                      answered, on_their_way, end.ended);
  if (outcome_.load) outcome_.failed_requests += outcome_.load->failed();
  if (outcome_.load && outcome_.probe) {
    outcome_.littles_law = littles_law(*outcome_.load, *outcome_.probe, outcome_.connections);
  }
  if (end.settled_t) {
    const auto steady = steady_time(*end.settled_t, to_seconds(connection_age_), end.at_t);
    if (steady) outcome_.steady = span_of(samples_, steady->from_t, steady->to_t);
  }
  if (!judge) return;
  judge_objective();
  judge_requests();
}

// A scenario that lost requests went through and is still none to believe.
void ScenarioRecorder::judge_requests() {
  const auto& law = outcome_.littles_law;
  if (law && !law->holds) {
    outside_.log.warn(
        "{}: latencies: not supported: by Little's law {:.0f} requests would have been under way "
        "on {} connections",
        scenario_.name, law->in_flight, law->connections);
  }
  if (outcome_.failed_requests == 0) return;
  const auto all =
      (outcome_.load ? outcome_.load->requests : 0) + (outcome_.probe ? outcome_.probe->sent : 0);
  fail(fmt::format("{} failed requests, {} were counted in all", outcome_.failed_requests, all));
}

// By the probe, from the intended start, in the steady time. Where there is none, wrk's slowest
// answer can show that the objective was met; that it was missed nothing of wrk's can show.
void ScenarioRecorder::judge_objective() {
  if (!scenario_.objective) return;
  const double wanted_ms = to_seconds(scenario_.objective->p99) * 1e3;
  std::string found;  // what speaks against it
  if (outcome_.probe) {
    Histogram latency_us;
    for (const auto& interval : probe_intervals_) {
      if (outcome_.steady && interval.from_t >= outcome_.steady->from_t - 1e-6) {
        latency_us.merge(interval.counts.latency_us);
      }
    }
    const double p99_ms = static_cast<double>(latency_us.quantile(0.99)) / 1e3;
    if (latency_us.count() < samples_for(0.99)) {
      found = fmt::format("p99 in the steady time: not supported: {} samples, {} are needed",
                          latency_us.count(), samples_for(0.99));
    } else if (p99_ms > wanted_ms) {
      found =
          fmt::format("p99 in the steady time {:.1f} ms, objective {:.1f} ms", p99_ms, wanted_ms);
    }
  } else if (outcome_.load) {
    const double slowest_ms = static_cast<double>(outcome_.load->max_us) / 1e3;
    const auto timeouts = outcome_.load->socket_errors.timeout;
    if (slowest_ms > wanted_ms || timeouts > 0) {
      found = fmt::format(
          "p99: not supported: wrk's percentiles hold samples that it invented; its slowest answer "
          "took {:.1f} ms and {} timed out, objective {:.1f} ms",
          slowest_ms, timeouts, wanted_ms);
    }
  } else {
    found = "p99: not supported: the load left no figures";
  }
  outcome_.objective_missed = !found.empty();
  if (outcome_.objective_missed) outside_.log.warn("{}: {}", scenario_.name, found);
}

ScenarioOutcome ScenarioRecorder::finish(std::size_t lost) {
  const auto& load = outcome_.load;
  Record fields = {{"status", to_string(outcome_.status)},
                   {"reason", outcome_.reason.empty() ? Record() : Record(outcome_.reason)},
                   {"load", load ? wrk_fields(*load) : Record()},
                   {"probe", probe_fields(outcome_.probe)},
                   {"load_errors", outcome_.load_words},
                   {"littles_law", littles_law_fields(outcome_.littles_law)},
                   {"failed_requests", outcome_.failed_requests},
                   {"reconcile", reconciliation_fields(outcome_.reconciliation)},
                   {"steady", outcome_.steady ? steady_fields(*outcome_.steady) : Record()}};
  double answered_per_s = whole_ ? whole_->answered_per_s : 0;
  if (whole_ && load && load->duration_s > 0) {
    answered_per_s = static_cast<double>(outcome_.reconciliation.replicas) / load->duration_s;
  }
  fields["whole"] =
      whole_fields(whole_.value_or(Span{}), answered_per_s, outcome_.replicas_max, lost);
  journal_.append("scenario_end", std::move(fields));
  return outcome_;
}

}  // namespace iris::scale
