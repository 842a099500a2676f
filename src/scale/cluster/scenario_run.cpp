#include "scale/cluster/scenario_run.hpp"

#include <optional>

#include "scale/cluster/hpa_tick.hpp"
#include "scale/cluster/replica_log.hpp"
#include "scale/cluster/steps.hpp"
#include "scale/scenario_recorder.hpp"

namespace iris::scale::cluster {
namespace {

constexpr std::size_t kLogBytes = std::size_t{1} << 20;
constexpr int kLooksForRest = 5;
constexpr double kSyncPeriod_s = 15;  // the controller's default; its flag cannot be read

std::int64_t milli_of(const kube::ResourceList& list) {
  const auto found = list.find("cpu");
  return found == list.end() ? 0 : found->second.milli();
}

class ScenarioRun {
 public:
  ScenarioRun(const Scenario& scenario, const ScenarioPlan& plan, const RunContext& context)
      : scenario_(scenario),
        plan_(plan),
        context_(context),
        session_(context.session),
        watch_(context.session, context.deployment),
        recorder_(scenario, {session_.clock, session_.log, context.records}),
        replicas_([this](const char* kind, const std::string& replica, const std::string& message) {
          recorder_.event(kind, replica, message, seen_at_);
        }) {}

  Result<ScenarioOutcome> run() {
    const auto measured = measure();
    if (!measured && measured.error().code == ExitCode::kInterrupted) {
      recorder_.interrupted();
      recorder_.event("interrupted", "", "asked to end; what was made is deleted");
    } else if (!measured) {
      recorder_.give_up(measured.error());
    }
    auto outcome = recorder_.finish(replicas_.lost());
    if (!measured && measured.error().code != ExitCode::kInterrupted) {
      return tl::unexpected(measured.error());
    }
    return outcome;
  }

 private:
  Result<void> measure();
  Result<void> reset();
  Result<void> settle();
  Result<void> start_load();
  Result<void> watch_load();
  Result<void> conclude(bool ended_well);
  void record_start();
  void take(const Snapshot& snapshot);
  Sample sample_at(double t) const;
  std::optional<load::WrkReport> read_report();
  std::string step(const char* what) const { return scenario_.name + ": " + what; }

  const Scenario& scenario_;
  const ScenarioPlan& plan_;
  const RunContext& context_;
  const Session& session_;
  Watch watch_;
  ScenarioRecorder recorder_;
  ReplicaLog replicas_;
  std::optional<kube::HpaStatus> last_hpa_;
  std::optional<int> last_wanted_;
  std::string load_pod_;
  SteadyTime seen_at_;       // of the last look
  SteadyTime before_start_;  // of the last look that did not show the load running
};

Result<void> ScenarioRun::measure() {
  record_start();
  if (auto done = reset(); !done) return done;
  if (auto done = settle(); !done) return done;
  if (auto done = start_load(); !done) return done;
  return watch_load();
}

void ScenarioRun::record_start() {
  const auto& resources = context_.service.resources;
  const auto memory = resources.limits.find("memory");
  const auto request = milli_of(resources.requests);
  const auto limit = milli_of(resources.limits);
  recorder_.start(
      {.wrk = plan_.wrk,
       .job_argv = plan_.job_argv,
       .sync_period_s = kSyncPeriod_s,
       .cpu_request_milli = request,
       .cpu_limit_milli = limit,
       .memory_limit_bytes = memory == resources.limits.end() ? 0 : memory->second.value(),
       .scaled_cpu_request_milli = request,
       .scaled_cpu_limit_milli = limit,
       .connection_age = context_.connection_age});
}

// An HPA that is only changed goes on with what it remembers, and does not scale down for its
// stabilization window: so it goes, and its minimum is set in its place.
Result<void> ScenarioRun::reset() {
  if (auto removed = context_.changes.remove(plan_.hpa); !removed) return removed;
  const auto least = scenario_.hpa.min_replicas;
  if (auto set = context_.changes.set_replicas(context_.deployment_object, least); !set) return set;
  const auto at_rest = [least](const Snapshot& snapshot) {
    const auto progress = rollout_progress(snapshot);
    const bool seen = snapshot.deployment.wanted == least;
    return seen || progress.state == Progress::State::kFailed
               ? progress
               : Progress::waiting("the replicas to be set");
  };
  const auto done = await(session_, watch_, step("resetting the replicas"), at_rest);
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<void> ScenarioRun::settle() {
  if (auto applied = context_.changes.apply({plan_.hpa}); !applied) return applied;
  watch_.follow(scenario_.hpa.metadata.name, plan_.job["metadata"]["name"].get<std::string>());
  watch_.set_measuring(true);
  const auto least = scenario_.hpa.min_replicas;
  const auto settled = await(session_, watch_, step("settling"), [&](const Snapshot& snapshot) {
    return settled_progress(snapshot, least, session_.admin_port);
  });
  if (!settled) return tl::unexpected(settled.error());
  take(*settled);
  return {};
}

Result<void> ScenarioRun::start_load() {
  before_start_ = session_.clock.steady();
  Sample before = sample_at(0);  // its counts are those before the load
  for (auto& replica : before.replicas) replica.counted_t = replica.used_t = 0;
  if (auto applied = context_.changes.apply({plan_.job}); !applied) return applied;
  const auto started = await(session_, watch_, step("starting the load"), load_started,
                             [&](const Snapshot& snapshot) {
                               take(snapshot);
                               if (load_started(snapshot).state == Progress::State::kWaiting) {
                                 before_start_ = snapshot.at;
                               }
                             });
  if (!started) return tl::unexpected(started.error());
  // It began between two looks.
  recorder_.begin(before_start_ + (started->at - before_start_) / 2);
  recorder_.sample(recorder_.origin(), std::move(before), std::nullopt);
  recorder_.event("load_started", "",
                  plan_.unread.empty()
                      ? fmt::format("{} connections for {:.0f} s", plan_.wrk.connections,
                                    to_seconds(plan_.wrk.duration))
                      : "as the Job says; " + plan_.unread);
  return {};
}

Result<void> ScenarioRun::watch_load() {
  const auto deadline = recorder_.origin() + plan_.wrk.duration + session_.step_timeout;
  for (auto next = recorder_.origin();;) {
    if (session_.wait_for_next(next)) return interrupted_error();
    const auto look = watch_.look();
    if (!look) return tl::unexpected(look.error());
    if (*look) {
      const auto& snapshot = **look;
      take(snapshot);
      const auto progress = load_ended(snapshot);
      if (progress.state != Progress::State::kWaiting) {
        if (progress.state == Progress::State::kFailed) {
          const auto words = snapshot.load ? last_words(session_, snapshot.load->name, false) : "";
          recorder_.fail(progress.message + (words.empty() ? "" : "; it said: " + words));
        }
        return conclude(progress.state == Progress::State::kDone);
      }
      recorder_.sample(snapshot.at, sample_at(to_seconds(snapshot.at - recorder_.origin())),
                       std::nullopt);
    }
    if (session_.clock.steady() >= deadline) {
      return environment_error(
          "{}: the load Job did not end {:.0f} s after its time "
          "(--step-timeout)",
          scenario_.name, to_seconds(session_.step_timeout));
    }
  }
}

Result<void> ScenarioRun::conclude(bool ended_well) {
  recorder_.event("load_finished", "", "the load Job has ended");
  // What happens to the replicas from here on is no longer the load's.
  const auto settled = replicas_.settled_at();
  if (ended_well) recorder_.outcome().load = read_report();
  // The counts come to rest: what was on its way is answered.
  std::uint64_t answered = replicas_.answered();
  for (int i = 0; i < kLooksForRest; ++i) {
    const auto look = watch_.look();
    if (!look) return tl::unexpected(look.error());
    if (!*look) continue;
    take(**look);
    const bool at_rest = replicas_.answered() == answered && (**look).unread.empty();
    answered = replicas_.answered();
    if (at_rest) break;
    if (session_.interrupt.wait(session_.poll)) break;
  }
  const auto& load = recorder_.outcome().load;
  LoadEnd end{.at_t = load ? load->duration_s : recorder_.now_t(),
              .last = sample_at(recorder_.now_t()),
              .replicas_max = replicas_.most_ready(),
              .ended = replicas_.ended(),
              .settled_t = std::nullopt};
  if (settled) {
    end.settled_t = to_seconds(*settled - recorder_.origin());
  }
  recorder_.conclude(end, !session_.interrupt.requested());
  return context_.changes.remove(plan_.job);
}

std::optional<load::WrkReport> ScenarioRun::read_report() {
  const auto answer =
      session_.kubectl.run({{"logs", load_pod_, "-n", session_.namespace_name, "-c",
                             scenario_.load.pod.containers[plan_.load_container].name,
                             fmt::format("--limit-bytes={}", kLogBytes)},
                            "",
                            session_.call_timeout()});
  if (!answer.ok()) {
    recorder_.fail("cannot read the load Job's log: " + answer.message);
    return std::nullopt;
  }
  // A pod's log holds both of wrk's outputs.
  if (const auto cause = load::lua_error(answer.output, plan_.wrk.script); !cause.empty()) {
    recorder_.outcome().load_words = cause;
    recorder_.fail(
        fmt::format("wrk's script: {}: {}; wrk went on without it", scenario_.load_path, cause));
  }
  auto report = load::parse_wrk(answer.output);
  auto& connections = recorder_.outcome().connections;
  if (report && connections == 0) connections = static_cast<std::int64_t>(report->connections);
  if (!report) {
    recorder_.fail(report.error().message);
    return std::nullopt;
  }
  return *report;
}

void ScenarioRun::take(const Snapshot& snapshot) {
  seen_at_ = snapshot.at;
  replicas_.take(snapshot);
  if (snapshot.load) load_pod_ = snapshot.load->name;
  for (const auto& event : snapshot.events) {
    recorder_.event("warning", "",
                    fmt::format("{}: {}: {}", event.object, event.reason, event.message),
                    snapshot.at);
  }
  const auto wanted = snapshot.deployment.wanted;
  if (last_wanted_ && *last_wanted_ != wanted) {
    recorder_.scaled(
        *last_wanted_, wanted,
        fmt::format("the Deployment's replicas went from {} to {}", *last_wanted_, wanted));
  }
  last_wanted_ = wanted;
  if (!snapshot.hpa || (last_hpa_ && same_status(*last_hpa_, *snapshot.hpa))) return;
  last_hpa_ = snapshot.hpa;
  const auto fields = hpa_tick(snapshot, scenario_.hpa.metrics.front().target.average_utilization);
  recorder_.tick(fields, snapshot.at);
  session_.log.info("{}: HPA: {} replicas, wants {}, CPU {} %: {}", scenario_.name,
                    snapshot.hpa->current, snapshot.hpa->desired,
                    snapshot.hpa->cpu_utilization_percent.value_or(0),
                    fields["because"].get<std::string>());
}

Sample ScenarioRun::sample_at(double t) const {
  Sample sample;
  sample.t = t;
  sample.desired = replicas_.desired();
  sample.ready = replicas_.ready();
  sample.replicas = replicas_.sample(recorder_.origin());
  return sample;
}

}  // namespace

Result<ScenarioOutcome> run_scenario(const Scenario& scenario, const ScenarioPlan& plan,
                                     const RunContext& context) {
  return ScenarioRun(scenario, plan, context).run();
}

}  // namespace iris::scale::cluster
