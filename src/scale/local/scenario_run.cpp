#include "scale/local/scenario_run.hpp"

#include <algorithm>
#include <csignal>

#include "scale/journal.hpp"
#include "scale/local/load_plan.hpp"

namespace iris::scale::local {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanoseconds kTurn = milliseconds(20);
constexpr Nanoseconds kSamplePeriod = seconds(1);
constexpr Nanoseconds kSampleWait = milliseconds(950);
constexpr Nanoseconds kWrkOverrun = seconds(30);       // before wrk is taken for hung
constexpr Nanoseconds kInterruptedGrace = seconds(3);  // for replicas after Ctrl-C
constexpr Nanoseconds kInterruptedWrk = seconds(1);
constexpr Nanoseconds kLastAnswers = seconds(3);  // for counts to come to rest
// p99 < Y, seen with no violation, needs so many samples at 99 % confidence.
constexpr std::uint64_t kSamplesForP99 = 459;

class ScenarioRun {
 public:
  ScenarioRun(const Scenario& scenario, const RunContext& context)
      : scenario_(scenario),
        context_(context),
        clock_(context.clock),
        log_(context.log),
        time_(context.clock, context.time_scale),
        journal_(context.records, scenario.name, context.clock) {
    outcome_.name = scenario.name;
    outcome_.max_replicas = scenario.hpa.max_replicas;
  }

  Result<ScenarioOutcome> run();

 private:
  Result<void> measure();
  Result<void> open();
  void record_start(const LoadPlan& load);
  Result<void> turn();
  Result<void> sync();
  Result<void> settle();
  Result<void> run_load(LoadPlan& plan);
  Result<void> await_wrk(load::WrkRun& wrk, load::Probe& probe, Nanoseconds duration);
  Result<void> await_last_answers(load::Probe& probe);
  void begin_sample(load::Probe& probe);
  void end_sample(const load::WrkRun* wrk);
  Sample sample_at(double t, const load::WrkRun* wrk);
  void print_progress(const Sample& before, const Sample& now) const;
  void conclude_load(double load_end_t);
  void judge_objective();
  void drain();
  void record_end();
  void event(const char* kind, const std::string& replica, const std::string& message);
  void fail(const std::string& reason);
  bool interrupted() const { return context_.interrupted; }

  const Scenario& scenario_;
  const RunContext& context_;
  const Clock& clock_;
  Log& log_;
  ScaledClock time_;
  Journal journal_;
  ScenarioOutcome outcome_;

  std::optional<ReuseportGroup> sockets_;
  std::optional<ReplicaSet> set_;
  std::optional<ControlLoop> loop_;
  std::optional<Tick> last_tick_;
  std::int64_t connections_ = 0;
  std::vector<Sample> samples_;
  struct ProbeInterval {
    double from_t;
    double to_t;
    load::ProbeCounts counts;
  };
  std::vector<ProbeInterval> probe_intervals_;
  std::optional<SteadyTime> sample_began_;
  load::ProbeCounts sampled_probe_;
  std::optional<Span> whole_;
};

Result<ScenarioOutcome> ScenarioRun::run() {
  const auto measured = measure();
  if (!measured) {
    // The caller prints it.
    outcome_.status = ScenarioStatus::kFailed;
    outcome_.reason = measured.error().message;
  }
  if (interrupted()) {
    outcome_.status = ScenarioStatus::kInterrupted;
    event("interrupted", "", "asked to end; replicas are drained quickly and records closed");
  }
  drain();
  record_end();
  if (!measured) return tl::unexpected(measured.error());
  return outcome_;
}

Result<void> ScenarioRun::measure() {
  if (auto opened = open(); !opened) return opened;
  auto load = plan_load(context_.experiment, scenario_, sockets_->port());
  if (!load) return tl::unexpected(load.error());
  connections_ = load->wrk.connections;
  outcome_.connections = connections_;
  record_start(*load);
  if (auto set = set_->set_replicas(1); !set) return set;
  if (auto settled = settle(); !settled || interrupted()) return settled;
  return run_load(*load);
}

Result<void> ScenarioRun::open() {
  const auto slots = static_cast<std::size_t>(std::max(scenario_.hpa.max_replicas, 1));
  auto sockets = ReuseportGroup::open("127.0.0.1", context_.experiment.port, slots);
  if (!sockets) return tl::unexpected(sockets.error());
  sockets_.emplace(std::move(*sockets));
  const auto on_event = [this](const ReplicaEvent& happened) {
    event(happened.kind, happened.replica, happened.message);
  };
  set_.emplace(context_.plan, ReplicaSet::Outside{context_.io, clock_, time_, *sockets_,
                                                  context_.groups, on_event});
  loop_.emplace(scenario_.hpa, hpa::ControllerConfig{}, time_, *set_);
  return {};
}

void ScenarioRun::record_start(const LoadPlan& load) {
  const auto& hpa = scenario_.hpa;
  const auto& plan = context_.plan;
  const auto& metric = hpa.metrics.front();
  const hpa::ControllerConfig config;
  journal_.append("scenario_start",
                  {{"title", scenario_.title},
                   {"reference", scenario_.reference},
                   {"connections", load.wrk.connections},
                   {"min_replicas", hpa.min_replicas},
                   {"max_replicas", hpa.max_replicas},
                   {"load",
                    {{"tool", "wrk"},
                     {"argv", load::to_argv(load.wrk)},
                     {"job_argv", load.job_argv},
                     {"duration_s", to_seconds(load.wrk.duration)},
                     {"threads", load.wrk.threads}}},
                   {"hpa",
                    {{"name", hpa.metadata.name},
                     {"metric", metric.name},
                     {"target_percent", or_null(metric.target.average_utilization)},
                     {"sync_period_s", to_seconds(time_.real(config.sync_period))}}},
                   {"pod",
                    {{"cpu_request_milli", plan.cpu_request_milli},
                     {"cpu_limit_milli", plan.cpu_limit_milli},
                     {"memory_limit_bytes", plan.limits.memory_limit_bytes},
                     {"scaled_cpu_request_milli", plan.limits.cpu_request_milli},
                     {"scaled_cpu_limit_milli", plan.limits.cpu_limit_milli},
                     {"connection_age_s", rounded(to_seconds(plan.connection_age), 3)}}}});
}

Result<void> ScenarioRun::turn() {
  context_.io.run_for(kTurn);
  if (auto stepped = set_->step(); !stepped) return stepped;
  return sync();
}

Result<void> ScenarioRun::sync() {
  auto tick = loop_->sync_if_due();
  if (!tick) return tl::unexpected(tick.error());
  if (!*tick) return {};
  const auto& decision = (**tick).decision;
  journal_.append("tick", tick_fields(**tick));
  const bool news = !last_tick_ || decision.desired_replicas != decision.current_replicas ||
                    decision.limited_by != last_tick_->decision.limited_by ||
                    decision.error.has_value() != last_tick_->decision.error.has_value();
  // Before the load a missing metric is no news: the first reading is still to come.
  const bool expected = decision.error && samples_.empty();
  if (news && !expected) log_.info("{}: HPA: {}", scenario_.name, decision.because);
  if (decision.desired_replicas != decision.current_replicas) {
    journal_.append("event", scale_event_fields(decision.current_replicas,
                                                decision.desired_replicas, decision.because));
  }
  last_tick_ = std::move(**tick);
  return {};
}

// One replica ready, and its CPU known from after that: the controller can see the load's effect at
// its first sync.
Result<void> ScenarioRun::settle() {
  const auto deadline =
      clock_.steady() + context_.plan.start_deadline + 3 * time_.real(kMetricResolution);
  while (!set_->metrics_settled() && !interrupted()) {
    if (clock_.steady() > deadline) {
      return environment_error("{}: no replica was ready and measured within {:.0f} s",
                               scenario_.name, to_seconds(context_.plan.start_deadline));
    }
    if (auto turned = turn(); !turned) return turned;
  }
  return {};
}

Result<void> ScenarioRun::run_load(LoadPlan& plan) {
  // Where the counts stand before.
  set_->begin_scrape();
  while (set_->scraping() && !interrupted()) {
    if (auto turned = turn(); !turned) return turned;
  }
  load::Probe probe(plan.probe, clock_);
  auto wrk = load::WrkRun::start(plan.wrk);
  if (!wrk) return tl::unexpected(wrk.error());
  probe.start();
  journal_.begin(clock_.steady());
  samples_.push_back(sample_at(0, &*wrk));
  event("load_started", "",
        fmt::format("{} connections for {:.0f} s", connections_, to_seconds(plan.wrk.duration)));

  if (auto waited = await_wrk(*wrk, probe, plan.wrk.duration); !waited) return waited;
  const double load_end_t = journal_.now_t();
  probe.finish();
  event("load_finished", "", "wrk has ended");
  if (interrupted()) {
    // A verdict is not wanted; what is on its way may be dropped.
    outcome_.probe.merge(probe.take());
  } else if (auto waited = await_last_answers(probe); !waited) {
    return waited;
  }
  auto report = wrk->report();
  if (report) {
    outcome_.load = *report;
  } else if (!interrupted()) {
    fail(report.error().message);
  }
  conclude_load(load_end_t);
  if (!probe.last_failure().empty()) {
    log_.warn("{}: the probe's last failure: {}", scenario_.name, probe.last_failure());
  }
  return {};
}

Result<void> ScenarioRun::await_wrk(load::WrkRun& wrk, load::Probe& probe, Nanoseconds duration) {
  auto next_sample = journal_.origin() + kSamplePeriod;
  auto deadline = journal_.origin() + duration + kWrkOverrun;
  bool stopped = false;
  while (!wrk.poll()) {
    if (auto turned = turn(); !turned) return turned;
    const auto now = clock_.steady();
    if (interrupted() && !stopped) {
      stopped = true;
      deadline = now + kInterruptedWrk;
      wrk.stop();
    }
    if (now >= deadline) {
      if (stopped) return {};
      return environment_error("{}: wrk did not end {:.0f} s after its time", scenario_.name,
                               to_seconds(kWrkOverrun));
    }
    if (sample_began_ && (!set_->scraping() || now >= *sample_began_ + kSampleWait)) {
      end_sample(&wrk);
    }
    if (!sample_began_ && now >= next_sample) {
      begin_sample(probe);
      while (next_sample <= now) next_sample += kSamplePeriod;
    }
  }
  return {};
}

// The counts come to rest: what the replicas read is answered, the probe has nothing on its way.
Result<void> ScenarioRun::await_last_answers(load::Probe& probe) {
  const auto deadline = clock_.steady() + kLastAnswers;
  std::uint64_t answered = 0;
  bool at_rest = false;
  while (clock_.steady() < deadline && !interrupted() && !at_rest) {
    if (auto turned = turn(); !turned) return turned;
    if (set_->scraping()) continue;
    std::uint64_t now_answered = 0;
    std::uint64_t now_received = 0;
    for (const auto& replica : set_->sample(journal_.origin())) {
      now_answered += replica.answered;
      now_received += replica.received;
    }
    at_rest = probe.in_flight() == 0 && answered == now_answered && now_received == now_answered;
    answered = now_answered;
    if (!at_rest) set_->begin_scrape();
  }
  outcome_.probe = probe.stop();
  return {};
}

void ScenarioRun::begin_sample(load::Probe& probe) {
  sample_began_ = clock_.steady();
  sampled_probe_ = probe.take();
  set_->begin_scrape();
}

void ScenarioRun::end_sample(const load::WrkRun* wrk) {
  const auto at = *std::exchange(sample_began_, std::nullopt);
  const auto before = samples_.back();
  samples_.push_back(sample_at(to_seconds(at - journal_.origin()), wrk));
  const auto& now = samples_.back();
  journal_.append("sample", at, sample_fields(before, now, sampled_probe_, context_.machine.cores));
  print_progress(before, now);
  probe_intervals_.push_back({before.t, now.t, std::exchange(sampled_probe_, {})});
}

Sample ScenarioRun::sample_at(double t, const load::WrkRun* wrk) {
  Sample sample;
  sample.t = t;
  sample.desired = set_->desired();
  sample.ready = set_->ready_count();
  sample.replicas = set_->sample(journal_.origin());
  if (wrk != nullptr) sample.generator_cpu_us = process_cpu_us(wrk->pid());
  sample.host_cpu_us = host_cpu_us();
  return sample;
}

void ScenarioRun::print_progress(const Sample& before, const Sample& now) const {
  const auto span = between(before, now);
  const auto throttled = span.throttled_fraction();
  log_.info("{}: {:3.0f} s  replicas {}/{}  {:7.0f} requests/s  probe p99 {:6.1f} ms  throttled {}",
            scenario_.name, now.t, now.ready, now.desired, span.answered_per_s,
            static_cast<double>(sampled_probe_.latency_us.quantile(0.99)) / 1e3,
            throttled ? fmt::format("{:3.0f} %", 100 * *throttled) : "-");
}

void ScenarioRun::conclude_load(double load_end_t) {
  auto last = sample_at(journal_.now_t(), nullptr);
  whole_ = between(samples_.front(), last);
  std::uint64_t answered = 0;
  std::uint64_t unknown = 0;  // answers to the probe that came after its deadline
  for (const auto& replica : last.replicas) answered += replica.answered;
  // What was answered before the load began: nothing, as its only clients are ours.
  outcome_.replicas_max = set_->most_ready();
  const auto& probe = outcome_.probe;
  unknown = probe.failed - probe.rejected;
  const auto on_their_way = connections_ + static_cast<std::int64_t>(unknown);
  outcome_.reconciliation =
      reconcile(outcome_.load ? outcome_.load->requests : 0, probe.answered + probe.rejected,
                answered, on_their_way, set_->gone());
  outcome_.failed_requests = probe.failed;
  if (outcome_.load) {
    outcome_.failed_requests += outcome_.load->non_2xx + outcome_.load->socket_errors.total();
  }
  if (const auto settled = set_->settled_at()) {
    const auto steady = steady_time(to_seconds(*settled - journal_.origin()),
                                    to_seconds(context_.plan.connection_age), load_end_t);
    if (steady) outcome_.steady = span_of(samples_, steady->from_t, steady->to_t);
  }
  judge_objective();
}

void ScenarioRun::judge_objective() {
  if (!scenario_.objective || interrupted()) return;
  Histogram latency_us;
  for (const auto& interval : probe_intervals_) {
    if (outcome_.steady && interval.from_t >= outcome_.steady->from_t - 1e-6) {
      latency_us.merge(interval.counts.latency_us);
    }
  }
  const double p99_ms = static_cast<double>(latency_us.quantile(0.99)) / 1e3;
  const double wanted_ms = to_seconds(scenario_.objective->p99) * 1e3;
  if (latency_us.count() < kSamplesForP99) {
    outcome_.objective_missed = true;
    log_.warn("{}: p99: not supported: {} samples in the steady time, {} are needed",
              scenario_.name, latency_us.count(), kSamplesForP99);
  } else if (p99_ms > wanted_ms) {
    outcome_.objective_missed = true;
    log_.warn("{}: p99 in the steady time {:.1f} ms, objective {:.1f} ms", scenario_.name, p99_ms,
              wanted_ms);
  }
}

void ScenarioRun::drain() {
  if (!set_) return;
  set_->drain_all(interrupted() ? kInterruptedGrace : context_.plan.grace);
  bool hurried = interrupted();
  // Bounded by the grace period, after which step() kills.
  while (set_->alive_count() > 0) {
    context_.io.run_for(kTurn);
    (void)set_->step();
    if (interrupted() && !std::exchange(hurried, true)) set_->drain_all(kInterruptedGrace);
  }
  for (const auto& sentence : set_->unclean()) {
    if (!interrupted()) fail("a replica did not drain: " + sentence);
  }
}

void ScenarioRun::record_end() {
  Record fields = {{"status", to_string(outcome_.status)},
                   {"reason", outcome_.reason.empty() ? Record() : Record(outcome_.reason)},
                   {"load", outcome_.load ? wrk_fields(*outcome_.load) : Record()},
                   {"probe", probe_fields(outcome_.probe)},
                   {"failed_requests", outcome_.failed_requests},
                   {"reconcile", reconciliation_fields(outcome_.reconciliation)},
                   {"steady", outcome_.steady ? steady_fields(*outcome_.steady) : Record()}};
  double answered_per_s = 0;
  if (whole_ && outcome_.load && outcome_.load->duration_s > 0) {
    answered_per_s =
        static_cast<double>(outcome_.reconciliation.replicas) / outcome_.load->duration_s;
  } else if (whole_) {
    answered_per_s = whole_->answered_per_s;
  }
  fields["whole"] = whole_fields(whole_.value_or(Span{}), answered_per_s, outcome_.replicas_max,
                                 set_ ? set_->lost().size() : 0);
  journal_.append("scenario_end", std::move(fields));
}

void ScenarioRun::event(const char* kind, const std::string& replica, const std::string& message) {
  journal_.append("event", event_fields(kind, replica, message));
  const auto line =
      fmt::format("{}: {}{}{}", scenario_.name, replica, replica.empty() ? "" : " ", message);
  const bool bad = kind == std::string_view("replica_lost");
  bad ? log_.warn("{}", line) : log_.info("{}", line);
}

void ScenarioRun::fail(const std::string& reason) {
  outcome_.status = ScenarioStatus::kFailed;
  if (outcome_.reason.empty()) outcome_.reason = reason;
  log_.error("{}: {}", scenario_.name, reason);
}

}  // namespace

const char* to_string(ScenarioStatus status) {
  switch (status) {
    case ScenarioStatus::kOk:
      return "ok";
    case ScenarioStatus::kFailed:
      return "failed";
    case ScenarioStatus::kInterrupted:
      break;
  }
  return "interrupted";
}

Result<ScenarioOutcome> run_scenario(const Scenario& scenario, const RunContext& context) {
  return ScenarioRun(scenario, context).run();
}

}  // namespace iris::scale::local
