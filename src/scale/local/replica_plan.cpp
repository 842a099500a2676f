#include "scale/local/replica_plan.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "scale/command_line.hpp"

namespace iris::scale::local {
namespace {

using std::chrono::seconds;

constexpr Nanoseconds kLeastPeriod = std::chrono::milliseconds(50);

Nanoseconds divided(Nanoseconds duration, double by) {
  return std::chrono::duration_cast<Nanoseconds>(
      std::chrono::duration<double, std::nano>(duration) / by);
}

std::int64_t milli_of(const kube::ResourceList& list, const char* name) {
  const auto found = list.find(name);
  return found == list.end() ? 0 : found->second.milli();
}

std::int64_t scaled(std::int64_t milli, double factor) {
  if (milli == 0) return 0;
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(milli) * factor));
}

void set_duration(Flag& flag, Nanoseconds duration) {
  flag.set(fmt::format("{}ms", std::chrono::round<std::chrono::milliseconds>(duration).count()));
}

// --drain-delay at the run's pace: like a preStop sleep, it is the time that endpoints take.
Result<void> scale_drain_delay(ReplicaPlan& plan, double time_scale, const std::string& place) {
  Flag flag(plan.argv, "--drain-delay");
  if (!flag.found()) return {};
  const auto given = parse_duration(flag.value());
  if (!given) return input_error("{}: --drain-delay: {}", place, given.error().message);
  set_duration(flag, divided(*given, time_scale));
  return {};
}

// --max-connection-age at the run's pace. Sets plan.connection_age to the oldest a connection gets.
Result<void> scale_connection_age(ReplicaPlan& plan, double time_scale, const std::string& place) {
  const auto given = connection_age(plan.argv);
  if (!given) return input_error("{}: {}", place, given.error().message);
  const auto age = std::max<Nanoseconds>(divided(*given, time_scale), std::chrono::milliseconds(1));
  Flag flag(plan.argv, "--max-connection-age");
  set_duration(flag, age);
  plan.connection_age = oldest_connection(plan.argv, age);
  return {};
}

void plan_limits(const kube::Container& container, double factor, ReplicaPlan& plan) {
  const auto& resources = container.resources;
  plan.cpu_request_milli = milli_of(resources.requests, "cpu");
  plan.cpu_limit_milli = milli_of(resources.limits, "cpu");
  // As the API server does: a request that is left out is the limit.
  if (plan.cpu_request_milli == 0) plan.cpu_request_milli = plan.cpu_limit_milli;
  plan.limits.cpu_request_milli = scaled(plan.cpu_request_milli, factor);
  plan.limits.cpu_limit_milli = scaled(plan.cpu_limit_milli, factor);
  const auto memory = resources.limits.find("memory");
  if (memory != resources.limits.end()) plan.limits.memory_limit_bytes = memory->second.value();

  auto& seen = plan.spec.containers[plan.container].resources;
  if (plan.cpu_request_milli > 0) {
    seen.requests["cpu"] = kube::Quantity::from_milli(plan.limits.cpu_request_milli);
  }
  if (plan.cpu_limit_milli > 0) {
    seen.limits["cpu"] = kube::Quantity::from_milli(plan.limits.cpu_limit_milli);
  }
}

void plan_paces(const kube::Container& container, double time_scale, ReplicaPlan& plan) {
  const auto probe =
      container.readiness_probe.value_or(kube::HttpProbe{.path = "/health", .port = {}});
  plan.ready_path = probe.path;
  plan.ready_period = std::max(divided(seconds(probe.period_seconds), time_scale), kLeastPeriod);
  plan.ready_timeout = seconds(probe.timeout_seconds);
  plan.failure_threshold = probe.failure_threshold;
  const auto startup = container.startup_probe.value_or(kube::HttpProbe{.path = {}, .port = {}});
  // Real time: how long a program takes to start does not depend on the pace of controllers.
  plan.start_deadline = seconds(startup.period_seconds) * startup.failure_threshold;
  plan.pre_stop = divided(seconds(container.pre_stop_sleep_seconds.value_or(0)), time_scale);
  plan.grace = seconds(plan.spec.termination_grace_period_seconds);
}

}  // namespace

CpuFactor choose_cpu_factor(std::int64_t cpu_limit_milli, std::int32_t max_replicas,
                            std::size_t cores) {
  if (cpu_limit_milli <= 0) return {1, "the Deployment sets no CPU limit"};
  const double wanted = static_cast<double>(cpu_limit_milli) * max_replicas;
  const double room = kReplicasPart * 1000 * static_cast<double>(cores);
  if (wanted <= room) {
    return {1, fmt::format("{} × {}m leaves the load generator room on {} cores", max_replicas,
                           cpu_limit_milli, cores)};
  }
  const double step = room / wanted >= 0.05 ? 0.05 : 0.001;
  const double factor = std::max(std::floor(room / wanted / step) * step, step);
  return {factor, fmt::format("{} × {}m would leave the load generator no room on {} core{}; the "
                              "replicas together get at most {:.0f} % of it",
                              max_replicas, cpu_limit_milli, cores, cores == 1 ? "" : "s",
                              100 * kReplicasPart)};
}

Result<ReplicaPlan> plan_replica(const kube::Deployment& deployment, const PlanOptions& options,
                                 const std::string& place) {
  if (deployment.pod.containers.empty()) {
    return input_error("{}: spec.template.spec.containers: expected one, found none", place);
  }
  const auto index = options.container;
  const auto& container = deployment.pod.containers[index];
  ReplicaPlan plan;
  plan.name = deployment.metadata.name;
  plan.labels = deployment.template_metadata.labels;
  plan.spec = deployment.pod;
  plan.container = index;
  plan.argv = {options.program};
  plan.argv.insert(plan.argv.end(), container.args.begin(), container.args.end());
  if (container.args.empty() || container.args.front() != "serve") {
    return input_error(
        "{}: spec.template.spec.containers[{}].args: expected 'serve' first, as the replicas here "
        "are processes of iris",
        place, index);
  }
  Flag(plan.argv, "--model").set(options.model_path);
  for (const auto& variable : container.env) {
    const bool replaced = variable.name == "MODEL_PATH" || variable.name == "PORT";
    if (!replaced) plan.environment.emplace_back(variable.name, variable.value);
  }
  plan_limits(container, options.cpu_factor, plan);
  plan_paces(container, options.time_scale, plan);
  if (auto done = scale_connection_age(plan, options.time_scale, place); !done) {
    return tl::unexpected(done.error());
  }
  if (auto done = scale_drain_delay(plan, options.time_scale, place); !done) {
    return tl::unexpected(done.error());
  }
  return plan;
}

}  // namespace iris::scale::local
