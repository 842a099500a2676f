#include "scale/cluster/run.hpp"

#include <algorithm>
#include <optional>

#include "scale/cluster/scenario_run.hpp"
#include "scale/cluster/steps.hpp"
#include "scale/command_line.hpp"
#include "scale/experiment_run.hpp"

namespace iris::scale::cluster {
namespace {

// What the user waits for after Ctrl-C: the cluster goes on deleting by itself.
constexpr Nanoseconds kInterruptedPatience = std::chrono::seconds(15);

PlanOptions plan_options(const ClusterOptions& options) {
  const bool own = options.namespace_name.empty();
  return {.run_id = options.run_id,
          .namespace_name = own ? "iris-scale-" + options.run_id : options.namespace_name,
          .own_namespace = own,
          .image = options.image,
          .load_image = options.load_image};
}

class Run {
 public:
  Run(const Experiment& experiment, const ClusterOptions& options, const Interrupt& interrupt,
      const Clock& clock, Log& log)
      : experiment_(experiment),
        options_(options),
        planned_(plan_options(options)),
        clock_(clock),
        log_(log),
        kubectl_(options.kubectl, &interrupt),
        session_{kubectl_,     interrupt, clock, log, planned_.namespace_name, options.step_timeout,
                 options.poll, ""},
        changes_(session_, planned_) {}

  Result<RunSummary> run();

 private:
  Result<void> prepare();
  void record_start();
  Result<void> roll_out();
  Result<void> run_scenarios();
  Result<void> tidy_up();
  bool interrupted() const { return session_.interrupt.requested(); }

  const Experiment& experiment_;
  const ClusterOptions& options_;
  const PlanOptions planned_;
  const Clock& clock_;
  Log& log_;
  kube::Kubectl kubectl_;
  Session session_;
  Changes changes_;
  ClusterPlan plan_;
  ClusterFacts facts_;
  Nanoseconds connection_age_{};
  std::vector<const Scenario*> scenarios_;
  std::optional<RecordFile> records_;
  RunSummary summary_;
};

Result<RunSummary> Run::run() {
  if (auto prepared = prepare(); !prepared) return tl::unexpected(prepared.error());
  auto records = RecordFile::create(options_.out_folder + "/" + experiment_.name + ".jsonl");
  if (!records) return tl::unexpected(records.error());
  records_.emplace(std::move(*records));
  summary_.records_path = records_->path();
  record_start();
  auto done = roll_out();
  if (done) done = run_scenarios();
  summary_.interrupted = interrupted();
  // A step that an interrupt ended has not failed.
  if (!done && done.error().code == ExitCode::kInterrupted) done = {};
  const auto tidied = tidy_up();
  records_->append("run_end", run_end_fields(done ? summary_.status() : "failed", clock_));
  const auto closed = records_->close();
  if (!done) {
    if (!tidied) log_.error("{}", tidied.error().message);
    return tl::unexpected(done.error());
  }
  if (!tidied) return tl::unexpected(tidied.error());
  if (!closed) return tl::unexpected(closed.error());
  return std::move(summary_);
}

Result<void> Run::prepare() {
  auto chosen = choose_scenarios(experiment_, options_.only);
  if (!chosen) return tl::unexpected(chosen.error());
  scenarios_ = std::move(*chosen);
  auto plan = plan_cluster(experiment_, planned_);
  if (!plan) return tl::unexpected(plan.error());
  plan_ = std::move(*plan);
  session_.admin_port = plan_.admin_port;
  const auto& args = experiment_.service_container().args;
  const auto age = connection_age(args);
  if (!age) return input_error("{}: {}", experiment_.deployment_path, age.error().message);
  connection_age_ = oldest_connection(args, *age);
  auto facts = preflight(kubectl_, plan_, planned_, log_);
  if (!facts) return tl::unexpected(facts.error());
  facts_ = std::move(*facts);
  return {};
}

void Run::record_start() {
  log_.info("{}: {} scenarios in the namespace {}", experiment_.title, scenarios_.size(),
            planned_.namespace_name);
  if (!experiment_.service.because.empty()) {
    log_.info("the service is the container '{}', by {}", experiment_.service_container().name,
              experiment_.service.because);
  }
  auto paths = experiment_.manifest_paths();
  paths.insert(paths.end(), experiment_.cluster_paths.begin(), experiment_.cluster_paths.end());
  auto fields = run_fields(experiment_, paths, options_.version, clock_);
  const auto& limits = experiment_.service_container().resources.limits;
  fields.update(Record{{"target", "kubernetes"},
                       {"time_scale", 1},
                       {"cpu_factor", nullptr},
                       {"cpu_factor_reason", nullptr},
                       {"limits", limits.count("cpu") > 0},
                       {"wrk_version", nullptr},
                       {"machine", {{"os", "Kubernetes " + facts_.server_version}}},
                       {"cluster",
                        {{"context", facts_.context},
                         {"server_version", facts_.server_version},
                         {"kubectl_version", facts_.kubectl_version},
                         {"namespace", planned_.namespace_name},
                         {"poll_s", to_seconds(options_.poll)}}}});
  records_->append("run", fields);
}

Result<void> Run::roll_out() {
  if (auto begun = changes_.begin(plan_.namespace_object); !begun) return begun;
  if (auto applied = changes_.apply(plan_.objects); !applied) return applied;
  Watch watch(session_, experiment_.deployment);
  const auto done = await(session_, watch, "the rollout", rollout_progress);
  if (!done) return tl::unexpected(done.error());
  log_.info("the rollout: {} replicas are ready", done->deployment.ready);
  return {};
}

Result<void> Run::run_scenarios() {
  for (const auto* scenario : scenarios_) {
    if (interrupted()) break;
    const auto index = static_cast<std::size_t>(scenario - experiment_.scenarios.data());
    auto outcome =
        run_scenario(*scenario, plan_.scenarios[index],
                     {session_, changes_, experiment_.deployment, experiment_.service_container(),
                      plan_.deployment, connection_age_, *records_});
    if (!outcome) return tl::unexpected(outcome.error());
    summary_.scenarios.push_back(std::move(*outcome));
  }
  return {};
}

Result<void> Run::tidy_up() {
  if (options_.keep) {
    log_.info("--keep: everything is left in the namespace {}; to delete it, {}",
              planned_.namespace_name, changes_.by_hand());
    return {};
  }
  if (interrupted()) log_.warn("interrupted: undoing what was done on the cluster");
  const auto undone =
      changes_.undo(interrupted() ? std::min(kInterruptedPatience, options_.step_timeout)
                                  : options_.step_timeout);
  if (!undone) return tl::unexpected(undone.error());
  log_.info("{}", *undone);
  return {};
}

}  // namespace

Result<ClusterFacts> check_cluster(const Experiment& experiment, const ClusterOptions& options,
                                   Log& log) {
  const auto interrupt = Interrupt::open();
  if (!interrupt) return tl::unexpected(interrupt.error());
  const auto planned = plan_options(options);
  const auto plan = plan_cluster(experiment, planned);
  if (!plan) return tl::unexpected(plan.error());
  return preflight(kube::Kubectl(options.kubectl, &*interrupt), *plan, planned, log);
}

Result<RunSummary> run_experiment(const Experiment& experiment, const ClusterOptions& options,
                                  const Clock& clock, Log& log) {
  const auto interrupt = Interrupt::open();
  if (!interrupt) return tl::unexpected(interrupt.error());
  return Run(experiment, options, *interrupt, clock, log).run();
}

}  // namespace iris::scale::cluster
