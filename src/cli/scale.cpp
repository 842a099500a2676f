// iris scale: an experiment on this machine or on a cluster, from its manifests to its records.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>

#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "scale/cluster/run.hpp"
#include "scale/experiment.hpp"
#include "scale/local/run.hpp"

namespace iris::cli {
namespace {

struct ScaleFlags {
  std::string experiment;
  std::string target = "local";
  std::optional<double> time_scale;
  std::string duration;
  std::string out = "results";
  bool no_limits = false;
  std::optional<double> cpu_factor;
  std::string only;
  std::string serve_program;
  scale::cluster::ClusterOptions cluster;
  bool check_only = false;
  std::string step_timeout = "5m";
  std::string poll = "2s";
};

// The measured figures, a row per scenario.
void print_table(const scale::RunSummary& summary) {
  fmt::print("{:<14} {:>11} {:>8} {:>12} {:>12} {:>10} {:>10} {:>7} {:>10} {:>9} {:>10}\n",
             "scenario", "connections", "replicas", "requests/s", "(whole run)", "probe p50",
             "probe p99", "failed", "throttled", "imbalance", "reconciled");
  const auto figure = [](const std::optional<double>& value, double factor, const char* unit,
                         int digits) {
    return value ? fmt::format("{:.{}f}{}", *value * factor, digits, unit) : std::string("-");
  };
  for (const auto& row : summary.scenarios) {
    const auto& load = row.load;
    const auto& steady = row.steady;
    const auto ms = [&](double quantile) {
      const auto us = row.latency_us(quantile);
      return us ? fmt::format("{:.1f} ms", static_cast<double>(*us) / 1e3) : std::string("-");
    };
    print("{:<14} {:>11} {:>8} {:>12} {:>12} {:>10} {:>10} {:>7} {:>10} {:>9} {:>10}\n", row.name,
          row.connections, row.replicas_max,
          figure(steady ? std::optional(steady->answered_per_s) : std::nullopt, 1, "", 0),
          figure(load ? std::optional(load->requests_per_s) : std::nullopt, 1, "", 0), ms(0.50),
          ms(0.99), row.failed_requests,
          figure(steady ? steady->throttled_fraction() : std::nullopt, 100, " %", 0),
          figure(steady ? steady->imbalance() : std::nullopt, 1, "", 2),
          row.reconciliation.ok ? "yes" : "no");
  }
}

// Why the verdict is what it is.
void print_failures(const scale::RunSummary& summary, Log& log) {
  for (const auto& row : summary.scenarios) {
    if (row.status == scale::ScenarioStatus::kInterrupted) continue;
    if (row.load && row.load->socket_errors.timeout > 0) {
      log.warn("{}: {} answers took longer than wrk's timeout", row.name,
               row.load->socket_errors.timeout);
    }
    if (!row.reconciliation.ok) {
      log.warn("{}: counts do not reconcile (difference {}, allowed {}): {}", row.name,
               row.reconciliation.difference, row.reconciliation.allowed,
               row.reconciliation.reason);
    }
  }
}

Result<void> apply(const ScaleFlags& flags, scale::Experiment& experiment) {
  if (flags.time_scale) experiment.time_scale = *flags.time_scale;
  if (flags.duration.empty()) return {};
  const auto duration = parse_duration(flags.duration);
  if (!duration) return input_error("--duration: {}", duration.error().message);
  if (*duration < std::chrono::seconds(1)) {
    return input_error("--duration: expected at least 1s, found {}", flags.duration);
  }
  experiment.duration = *duration;
  return {};
}

// Eight digits that no other run has.
std::string random_id() {
  std::random_device source;
  return fmt::format("{:08x}", source());
}

// The verdict, with the figures that it is of.
ExitCode conclude(const scale::RunSummary& summary, Log& log) {
  print_table(summary);
  print_failures(summary, log);
  log.info("records: {}; draw them with: iris report {}", summary.records_path,
           summary.records_path);
  if (summary.interrupted) return ExitCode::kInterrupted;
  return summary.passed() ? ExitCode::kDone : ExitCode::kGate;
}

Result<ExitCode> scale_on_cluster(const ScaleFlags& flags, const scale::Experiment& experiment,
                                  Context& context) {
  auto options = flags.cluster;
  options.run_id = random_id();
  if (flags.check_only) {
    const auto facts = scale::cluster::check_cluster(experiment, options, context.log);
    if (!facts) return tl::unexpected(facts.error());
    context.log.info("the cluster has what the run needs; nothing was changed");
    return ExitCode::kDone;
  }
  options.out_folder = flags.out;
  options.version = IRIS_VERSION;
  options.only = flags.only;
  for (const auto& [flag, text, into] :
       {std::tuple{"--step-timeout", &flags.step_timeout, &options.step_timeout},
        std::tuple{"--poll", &flags.poll, &options.poll}}) {
    const auto duration = parse_duration(*text);
    if (!duration) return input_error("{}: {}", flag, duration.error().message);
    if (*duration < std::chrono::milliseconds(100) || *duration > std::chrono::hours(24)) {
      return input_error("{}: expected 100ms to 24h, found {}", flag, *text);
    }
    *into = *duration;
  }
  const auto summary =
      scale::cluster::run_experiment(experiment, options, context.clock, context.log);
  if (!summary) return tl::unexpected(summary.error());
  return conclude(*summary, context.log);
}

Result<ExitCode> scale_here(const ScaleFlags& flags, const scale::Experiment& experiment,
                            Context& context) {
  scale::local::RunOptions options;
  options.serve_program = flags.serve_program.empty()
                              ? std::filesystem::read_symlink("/proc/self/exe").string()
                              : flags.serve_program;
  options.out_folder = flags.out;
  options.version = IRIS_VERSION;
  options.only = flags.only;
  options.limits = !flags.no_limits;
  options.cpu_factor = flags.cpu_factor;
  const auto summary =
      scale::local::run_experiment(experiment, options, context.clock, context.log);
  if (!summary) return tl::unexpected(summary.error());
  return conclude(*summary, context.log);
}

// Flags that mean nothing on the target are mistakes.
Result<void> check_flags(const CLI::App& app, const ScaleFlags& flags) {
  const bool local = flags.target == "local";
  for (const char* name : {"--time-scale", "--no-limits", "--cpu-factor", "--serve-program"}) {
    if (!local && app.count(name) > 0) {
      return input_error("{}: only for --target local; a cluster has its own pace and limits",
                         name);
    }
  }
  for (const char* name : {"--namespace", "--keep", "--image", "--load-image", "--step-timeout",
                           "--poll", "--check-only"}) {
    if (local && app.count(name) > 0) return input_error("{}: only for --target kubernetes", name);
  }
  return {};
}

Result<ExitCode> run_scale(const CLI::App& app, const ScaleFlags& flags, Context& context) {
  if (auto checked = check_flags(app, flags); !checked) return tl::unexpected(checked.error());
  // Replicas are controlled while the log is written, whoever reads it.
  if (auto started = context.log.start_thread(); !started) return tl::unexpected(started.error());
  auto experiment = scale::load_experiment(flags.experiment);
  if (!experiment) return tl::unexpected(experiment.error());
  if (auto applied = apply(flags, *experiment); !applied) return tl::unexpected(applied.error());
  return flags.target == "local" ? scale_here(flags, *experiment, context)
                                 : scale_on_cluster(flags, *experiment, context);
}

void define_cluster_flags(CLI::App& app, ScaleFlags& flags) {
  auto& cluster = flags.cluster;
  app.add_option(
      "--namespace", cluster.namespace_name,
      "On a cluster: where the run takes place (default: a namespace of its own, which is "
      "deleted afterwards)");
  app.add_flag("--keep", cluster.keep, "On a cluster: leave what the run made, to look into it");
  app.add_option("--image", cluster.image,
                 "On a cluster: the image of the Deployment (default: as its manifest says)");
  app.add_option("--load-image", cluster.load_image,
                 "On a cluster: the image of the load Jobs (default: as their manifests say)");
  app.add_option("--step-timeout", flags.step_timeout,
                 "On a cluster: how long a step may take, e.g. the rollout")
      ->capture_default_str();
  app.add_option("--poll", flags.poll, "On a cluster: from one look at it to the next")
      ->capture_default_str();
  app.add_flag("--check-only", flags.check_only,
               "On a cluster: only find out what it lacks, and change nothing");
}

}  // namespace

Command scale_command() {
  return {"scale", "Run an autoscaling experiment on this machine or on a cluster",
          "iris scale experiments/scaling.yaml --duration 20s --out results\n"
          "  iris scale experiments/scaling.yaml --target kubernetes --check-only",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<ScaleFlags>();
            app.add_option("experiment", flags->experiment, "The experiment, YAML")->required();
            app.add_option("--target", flags->target,
                           "Where replicas run: local, or kubernetes for the cluster of kubectl's "
                           "current context")
                ->check(CLI::IsMember({"local", "kubernetes"}))
                ->capture_default_str();
            app.add_option("--time-scale", flags->time_scale,
                           "How many times faster controllers run than in Kubernetes (default: as "
                           "the experiment says)")
                ->check(CLI::Range(1.0, 1000.0));
            app.add_option("--duration", flags->duration,
                           "Of each load, e.g. 20s (default: as the experiment says)");
            app.add_option("--out", flags->out, "Folder for the records")->capture_default_str();
            app.add_flag("--no-limits", flags->no_limits,
                         "Without CPU and memory limits, where control groups cannot be written");
            app.add_option(
                   "--cpu-factor", flags->cpu_factor,
                   "By which the manifest's CPU quantities are multiplied (default: so that "
                   "the load generator has room)")
                ->check(CLI::Range(0.001, 1000.0));
            app.add_option("--only", flags->only, "Run one scenario of this name");
            app.add_option("--serve-program", flags->serve_program,
                           "The program that replicas run (default: this one)");
            define_cluster_flags(app, *flags);
            return [flags, &app](Context& context) { return run_scale(app, *flags, context); };
          }};
}

}  // namespace iris::cli
