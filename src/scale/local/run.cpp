#include "scale/local/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "http/listen.hpp"
#include "load/wrk.hpp"
#include "scale/experiment_run.hpp"
#include "scale/local/load_plan.hpp"
#include "scale/record_fields.hpp"

namespace iris::scale::local {
namespace {

namespace asio = boost::asio;

// Of this program beside its clients' sockets: listeners, pipes, the probe's.
constexpr std::int64_t kOwnDescriptors = 512;

// Of all scenarios, also when only one is run: its figures must be those of the whole experiment.
std::int32_t most_replicas(const Experiment& experiment) {
  std::int32_t most = 1;
  for (const auto& scenario : experiment.scenarios) {
    most = std::max(most, scenario.hpa.max_replicas);
  }
  return most;
}

// Every load can be read, and its connections fit the limit on descriptors.
Result<void> check_loads(const Experiment& experiment,
                         const std::vector<const Scenario*>& scenarios, std::size_t descriptors) {
  for (const auto* scenario : scenarios) {
    const auto load = plan_load(experiment, *scenario, 1);
    if (!load) return tl::unexpected(load.error());
    const auto needed = load->wrk.connections + kOwnDescriptors;
    if (static_cast<std::int64_t>(descriptors) < needed) {
      return environment_error(
          "{} connections need {} open files, the limit is {}; raise it: as root `ulimit -Hn {}` "
          "before, or DefaultLimitNOFILE= in /etc/systemd/system.conf",
          load->wrk.connections, needed, descriptors, needed);
    }
  }
  return {};
}

class Run {
 public:
  Run(const Experiment& experiment, const RunOptions& options, const Clock& clock, Log& log)
      : experiment_(experiment), options_(options), clock_(clock), log_(log) {}

  Result<RunSummary> run();

 private:
  Result<void> prepare();
  Result<void> open_groups();
  Result<void> plan();
  void await_signals();
  void record_start();
  Result<void> run_scenarios();

  const Experiment& experiment_;
  const RunOptions& options_;
  const Clock& clock_;
  Log& log_;
  std::vector<const Scenario*> scenarios_;
  Machine machine_;
  std::size_t descriptors_ = 0;
  std::string wrk_version_;
  CpuFactor factor_;
  ReplicaPlan plan_;
  const SystemCgroupFiles files_;
  std::unique_ptr<CgroupRun> groups_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::signal_set signals_{io_};
  bool interrupted_ = false;
  std::optional<RecordFile> records_;
  RunSummary summary_;
};

Result<RunSummary> Run::run() {
  if (auto prepared = prepare(); !prepared) return tl::unexpected(prepared.error());
  auto records = RecordFile::create(options_.out_folder + "/" + experiment_.name + ".jsonl");
  if (!records) return tl::unexpected(records.error());
  records_.emplace(std::move(*records));
  summary_.records_path = records_->path();
  await_signals();
  record_start();
  const auto done = run_scenarios();
  summary_.interrupted = interrupted_;
  records_->append("run_end", run_end_fields(done ? summary_.status() : "failed", clock_));
  const auto closed = records_->close();
  if (!done) return tl::unexpected(done.error());
  if (!closed) return tl::unexpected(closed.error());
  return std::move(summary_);
}

Result<void> Run::prepare() {
  auto chosen = choose_scenarios(experiment_, options_.only);
  if (!chosen) return tl::unexpected(chosen.error());
  scenarios_ = std::move(*chosen);
  auto version = load::wrk_version();
  if (!version) return tl::unexpected(version.error());
  wrk_version_ = std::move(*version);
  descriptors_ = http::raise_descriptor_limit();
  if (auto checked = check_loads(experiment_, scenarios_, descriptors_); !checked) return checked;
  if (::access(experiment_.model_path.c_str(), R_OK) != 0) {
    return input_error("{}: found no model; make it with: iris train", experiment_.model_path);
  }
  machine_ = read_machine();
  if (auto planned = plan(); !planned) return planned;
  return open_groups();
}

Result<void> Run::plan() {
  std::int64_t limit_milli = 0;
  const auto& limits = experiment_.service_container().resources.limits;
  if (const auto cpu = limits.find("cpu"); cpu != limits.end()) limit_milli = cpu->second.milli();
  factor_ = choose_cpu_factor(limit_milli, most_replicas(experiment_), machine_.cores);
  if (options_.cpu_factor) factor_ = {*options_.cpu_factor, "given by --cpu-factor"};
  auto planned = plan_replica(experiment_.deployment,
                              {options_.serve_program, experiment_.model_path,
                               experiment_.time_scale, factor_.value, experiment_.service.index},
                              experiment_.deployment_path);
  if (!planned) return tl::unexpected(planned.error());
  plan_ = std::move(*planned);
  return {};
}

Result<void> Run::open_groups() {
  if (!options_.limits) {
    log_.warn(
        "--no-limits: replicas run without CPU and memory limits; figures are not those of pods");
    return {};
  }
  const auto places = read_cgroup_places();
  if (!places)
    return environment_error("{}; or run without limits: --no-limits", places.error().message);
  auto groups = CgroupRun::create(files_, *places, ::getpid(), process_is_alive);
  if (!groups) return tl::unexpected(groups.error());
  groups_ = std::move(*groups);
  if (groups_->removed() > 0) {
    log_.warn("removed the control groups of {} earlier run{} that had been killed",
              groups_->removed(), groups_->removed() == 1 ? "" : "s");
  }
  return {};
}

void Run::await_signals() {
  signals_.add(SIGINT);
  signals_.add(SIGTERM);
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    interrupted_ = true;
    log_.warn("interrupted: ending the load and draining the replicas");
    // From now on they have no effect: what is left to do is bounded and must be done.
    signals_.async_wait([](const boost::system::error_code&, int) {});
  });
}

void Run::record_start() {
  const auto& limits = plan_.limits;
  log_.info("{}: {} scenarios; controller time runs {} × faster (15 s between syncs are {} s)",
            experiment_.title, scenarios_.size(), experiment_.time_scale,
            15 / experiment_.time_scale);
  log_.info("CPU factor {}: request {}m → {}m, limit {}m → {}m ({})", factor_.value,
            plan_.cpu_request_milli, limits.cpu_request_milli, plan_.cpu_limit_milli,
            limits.cpu_limit_milli, factor_.reason);
  const auto& container = experiment_.service_container();
  if (!experiment_.service.because.empty()) {
    log_.info("the service is the container '{}', by {}; the other containers do not run here",
              container.name, experiment_.service.because);
  }
  log_.info("{}a replica that ends is started again at once, without a cluster's growing delay",
            container.liveness_probe ? "the livenessProbe is not run here, and " : "");
  auto fields = run_fields(experiment_, experiment_.manifest_paths(), options_.version, clock_);
  fields.update(
      Record{{"target", "local"},
             {"time_scale", experiment_.time_scale},
             {"cpu_factor", factor_.value},
             {"cpu_factor_reason", factor_.reason},
             {"limits", options_.limits},
             {"wrk_version", wrk_version_},
             {"machine",
              {{"cpu_model", machine_.cpu_model},
               {"cores", machine_.cores},
               {"memory_bytes", machine_.memory_bytes},
               {"kernel", machine_.kernel},
               {"os", machine_.os},
               {"cgroup", groups_ ? Record(fmt::format("v{}", groups_->version())) : Record()},
               {"somaxconn", machine_.somaxconn},
               {"port_range", {machine_.port_low, machine_.port_high}},
               {"nofile", descriptors_}}}});
  records_->append("run", fields);
}

Result<void> Run::run_scenarios() {
  for (const auto* scenario : scenarios_) {
    if (interrupted_) break;
    auto outcome =
        run_scenario(*scenario, {experiment_, plan_, groups_.get(), machine_, io_, interrupted_,
                                 clock_, log_, *records_, experiment_.time_scale});
    if (!outcome) return tl::unexpected(outcome.error());
    summary_.scenarios.push_back(std::move(*outcome));
  }
  return {};
}

}  // namespace

Result<RunSummary> run_experiment(const Experiment& experiment, const RunOptions& options,
                                  const Clock& clock, Log& log) {
  return Run(experiment, options, clock, log).run();
}

}  // namespace iris::scale::local
