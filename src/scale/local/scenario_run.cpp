#include "scale/local/scenario_run.hpp"

#include <algorithm>
#include <csignal>

#include "scale/local/load_plan.hpp"
#include "scale/record_fields.hpp"
#include "scale/scenario_recorder.hpp"

namespace iris::scale::local {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanoseconds kTurn = milliseconds(20);
constexpr Nanoseconds kSamplePeriod = seconds(1);
constexpr Nanoseconds kSampleWait = milliseconds(950);
constexpr Nanoseconds kWrkOverrun = seconds(30);       // before wrk is taken for hung
constexpr Nanoseconds kCheckTimeout = seconds(10);     // for the answer to one request
constexpr Nanoseconds kInterruptedGrace = seconds(3);  // for replicas after Ctrl-C
constexpr Nanoseconds kInterruptedWrk = seconds(1);
constexpr Nanoseconds kLastAnswers = seconds(3);  // for counts to come to rest
constexpr Nanoseconds kInterruptedAnswers = seconds(1);

class ScenarioRun {
 public:
  ScenarioRun(const Scenario& scenario, const RunContext& context)
      : scenario_(scenario),
        context_(context),
        clock_(context.clock),
        log_(context.log),
        time_(context.clock, context.time_scale),
        recorder_(scenario, {context.clock, context.log, context.records, context.machine.cores}) {}

  Result<ScenarioOutcome> run();

 private:
  Result<void> measure();
  Result<void> open();
  void record_start(const LoadPlan& load);
  Result<void> turn();
  Result<void> sync();
  Result<void> settle();
  Result<void> check_request(const LoadPlan& plan);
  Result<void> run_load(LoadPlan& plan);
  Result<void> await_wrk(load::WrkRun& wrk, load::Probe& probe, Nanoseconds duration);
  Result<void> await_last_answers(load::Probe& probe);
  void take_words(const load::WrkRun& wrk);
  void begin_sample(load::Probe& probe);
  void end_sample(const load::WrkRun* wrk);
  Sample sample_at(double t, const load::WrkRun* wrk);
  void conclude_load(double load_end_t);
  void drain();
  bool interrupted() const { return context_.interrupted; }

  const Scenario& scenario_;
  const RunContext& context_;
  const Clock& clock_;
  Log& log_;
  ScaledClock time_;
  ScenarioRecorder recorder_;

  std::optional<ReuseportGroup> sockets_;
  std::optional<ReplicaSet> set_;
  std::optional<ControlLoop> loop_;
  std::optional<Tick> last_tick_;
  std::optional<SteadyTime> sample_began_;
  load::ProbeCounts sampled_probe_;
};

Result<ScenarioOutcome> ScenarioRun::run() {
  const auto measured = measure();
  if (!measured) recorder_.give_up(measured.error());
  if (interrupted()) {
    recorder_.interrupted();
    recorder_.event("interrupted", "",
                    "asked to end; replicas are drained quickly and records closed");
  }
  drain();
  auto outcome = recorder_.finish(set_ ? set_->lost().size() : 0);
  if (!measured) return tl::unexpected(measured.error());
  return outcome;
}

Result<void> ScenarioRun::measure() {
  if (auto opened = open(); !opened) return opened;
  auto load = plan_load(context_.experiment, scenario_, sockets_->port());
  if (!load) return tl::unexpected(load.error());
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
    recorder_.event(happened.kind, happened.replica, happened.message);
  };
  set_.emplace(context_.plan, ReplicaSet::Outside{context_.io, clock_, time_, *sockets_,
                                                  context_.groups, on_event});
  loop_.emplace(scenario_.hpa, hpa::ControllerConfig{}, time_, *set_);
  return {};
}

void ScenarioRun::record_start(const LoadPlan& load) {
  const auto& plan = context_.plan;
  recorder_.start({.wrk = load.wrk,
                   .job_argv = load.job_argv,
                   .sync_period_s = to_seconds(time_.real(hpa::ControllerConfig{}.sync_period)),
                   .cpu_request_milli = plan.cpu_request_milli,
                   .cpu_limit_milli = plan.cpu_limit_milli,
                   .memory_limit_bytes = plan.limits.memory_limit_bytes,
                   .scaled_cpu_request_milli = plan.limits.cpu_request_milli,
                   .scaled_cpu_limit_milli = plan.limits.cpu_limit_milli,
                   .connection_age = plan.connection_age});
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
  recorder_.tick(tick_fields(**tick));
  const bool news = !last_tick_ || decision.desired_replicas != decision.current_replicas ||
                    decision.limited_by != last_tick_->decision.limited_by ||
                    decision.error.has_value() != last_tick_->decision.error.has_value();
  // Before the load a missing metric is no news: the first reading is still to come.
  const bool expected = decision.error && !recorder_.begun();
  if (news && !expected) log_.info("{}: HPA: {}", scenario_.name, decision.because);
  if (decision.desired_replicas != decision.current_replicas) {
    recorder_.scaled(decision.current_replicas, decision.desired_replicas, decision.because);
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

// One request as wrk will send it, before it sends thousands.
Result<void> ScenarioRun::check_request(const LoadPlan& plan) {
  const auto sent = sent_request(plan);
  if (!sent) return tl::unexpected(sent.error());
  if (!sent->errors.empty()) log_.warn("{}: wrk said: {}", scenario_.name, sent->errors);
  if (sent->method() == "HEAD") {
    return input_error("{}: wrk would send HEAD, which no prediction answers", plan.script_source);
  }
  std::optional<Result<http::Answer>> answer;
  http::Client client(context_.io, plan.probe.peer);
  client.exchange(sent->to(plan.probe.peer), clock_.steady() + kCheckTimeout,
                  [&](Result<http::Answer> got) { answer = std::move(got); });
  while (!answer && !interrupted()) {
    if (auto turned = turn(); !turned) return turned;
  }
  if (!answer) return {};
  if (!*answer) return tl::unexpected(answer->error());
  const auto judged = judge_answer(plan, *sent, **answer);
  if (!judged) return tl::unexpected(judged.error());
  recorder_.event("request_checked", "", *judged);
  return {};
}

Result<void> ScenarioRun::run_load(LoadPlan& plan) {
  if (auto checked = check_request(plan); !checked || interrupted()) return checked;
  // Where the counts stand before.
  set_->begin_scrape();
  while (set_->scraping() && !interrupted()) {
    if (auto turned = turn(); !turned) return turned;
  }
  load::Probe probe(plan.probe, clock_);
  auto wrk = load::WrkRun::start(plan.wrk);
  if (!wrk) return tl::unexpected(wrk.error());
  probe.start();
  recorder_.begin(clock_.steady());
  recorder_.sample(recorder_.origin(), sample_at(0, &*wrk), std::nullopt);
  recorder_.event("load_started", "",
                  fmt::format("{} connections for {:.0f} s", plan.wrk.connections,
                              to_seconds(plan.wrk.duration)));

  if (auto waited = await_wrk(*wrk, probe, plan.wrk.duration); !waited) return waited;
  const double load_end_t = recorder_.now_t();
  probe.finish();
  recorder_.event("load_finished", "", "wrk has ended");
  if (auto waited = await_last_answers(probe); !waited) return waited;
  take_words(*wrk);
  auto report = wrk->report();
  if (report) {
    recorder_.outcome().load = *report;
  } else if (!interrupted()) {
    recorder_.fail(report.error().message);
  }
  conclude_load(load_end_t);
  if (!probe.last_failure().empty()) {
    log_.warn("{}: the probe's last failure: {}", scenario_.name, probe.last_failure());
  }
  return {};
}

Result<void> ScenarioRun::await_wrk(load::WrkRun& wrk, load::Probe& probe, Nanoseconds duration) {
  auto next_sample = recorder_.origin() + kSamplePeriod;
  auto deadline = recorder_.origin() + duration + kWrkOverrun;
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
      take_words(wrk);
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
  // Who interrupts still wants counts that agree, but not to wait for them.
  const auto deadline = clock_.steady() + (interrupted() ? kInterruptedAnswers : kLastAnswers);
  std::uint64_t answered = 0;
  bool at_rest = false;
  // Counts that were read before the probe's last answer came do not hold it.
  std::optional<SteadyTime> probe_rested_at;
  while (clock_.steady() < deadline && !at_rest) {
    if (auto turned = turn(); !turned) return turned;
    if (set_->scraping()) continue;
    std::uint64_t now_answered = 0;
    std::uint64_t now_received = 0;
    for (const auto& replica : set_->sample(recorder_.origin())) {
      now_answered += replica.answered;
      now_received += replica.received;
    }
    at_rest = probe_rested_at && set_->counted_since(*probe_rested_at) &&
              answered == now_answered && now_received == now_answered;
    answered = now_answered;
    if (!probe_rested_at && probe.in_flight() == 0) probe_rested_at = clock_.steady();
    if (!at_rest) set_->begin_scrape();
  }
  recorder_.outcome().probe = probe.stop();
  return {};
}

// wrk's own words are kept and shown however it ended.
void ScenarioRun::take_words(const load::WrkRun& wrk) {
  auto& words = recorder_.outcome().load_words;
  words = wrk.errors();
  if (!words.empty()) log_.warn("{}: wrk said: {}", scenario_.name, words);
}

void ScenarioRun::begin_sample(load::Probe& probe) {
  sample_began_ = clock_.steady();
  sampled_probe_ = probe.take();
  set_->begin_scrape();
}

void ScenarioRun::end_sample(const load::WrkRun* wrk) {
  const auto at = *std::exchange(sample_began_, std::nullopt);
  recorder_.sample(at, sample_at(to_seconds(at - recorder_.origin()), wrk),
                   std::exchange(sampled_probe_, {}));
}

Sample ScenarioRun::sample_at(double t, const load::WrkRun* wrk) {
  Sample sample;
  sample.t = t;
  sample.desired = set_->desired();
  sample.ready = set_->ready_count();
  sample.replicas = set_->sample(recorder_.origin());
  if (wrk != nullptr) sample.generator_cpu_us = process_cpu_us(wrk->pid());
  sample.host_cpu_us = host_cpu_us();
  return sample;
}

void ScenarioRun::conclude_load(double load_end_t) {
  LoadEnd end{.at_t = load_end_t,
              .last = sample_at(recorder_.now_t(), nullptr),
              .replicas_max = set_->most_ready(),
              .ended = set_->gone(),
              .settled_t = std::nullopt};
  if (const auto settled = set_->settled_at()) {
    end.settled_t = to_seconds(*settled - recorder_.origin());
  }
  recorder_.conclude(end, !interrupted());
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
    if (!interrupted()) recorder_.fail("a replica did not drain: " + sentence);
  }
}

}  // namespace

Result<ScenarioOutcome> run_scenario(const Scenario& scenario, const RunContext& context) {
  return ScenarioRun(scenario, context).run();
}

}  // namespace iris::scale::local
