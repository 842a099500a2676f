#include "report/notes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/text.hpp"

namespace iris::report {
namespace {

std::string or_missing(const std::string& text) {
  return text.empty() ? kMissing : text;
}

void add_losses(std::vector<std::string>& lines, const Scenario& scenario) {
  for (std::size_t i = 0; i < scenario.events.size(); ++i) {
    const Event& lost = scenario.events[i];
    if (lost.kind != "replica_lost") continue;
    std::string line =
        fmt::format("{}, at {}: {}", title_of(scenario), seconds(lost.t),
                    lost.message.empty() ? lost.replica + " was lost" : lost.message);
    const auto ready = std::find_if(scenario.events.begin() + static_cast<std::ptrdiff_t>(i),
                                    scenario.events.end(),
                                    [](const Event& e) { return e.kind == "replica_ready"; });
    line += ready == scenario.events.end() ? "; no other replica became ready after that"
                                           : fmt::format("; {} was ready {} later", ready->replica,
                                                         seconds(ready->t - lost.t));
    lines.push_back(line + ".");
  }
}

void add_failures(std::vector<std::string>& lines, const Scenario& scenario) {
  const ScenarioEnd& end = *scenario.end;
  if (end.failed_requests.value_or(0) > 0) {
    lines.push_back(fmt::format(
        "{}: {} failed (other than 2xx {}; sockets: connect {}, read {}, write {}, timeout {}; "
        "probe {}).",
        title_of(scenario), counted(*end.failed_requests, "request", "requests"),
        count(end.load.non_2xx), count(end.load.connect_errors), count(end.load.read_errors),
        count(end.load.write_errors), count(end.load.timeouts), count(end.probe.failed)));
  }
  if (end.littles_law.ok == false) {
    lines.push_back(fmt::format(
        "{}: the latencies are not supported: by Little's law at least {} requests would have been "
        "under way on {} connections, which carry one each.",
        title_of(scenario), count(end.littles_law.in_flight), count(scenario.connections)));
  }
  if (!end.load_errors.empty()) {
    lines.push_back(title_of(scenario) + ": the load generator said: " + end.load_errors);
  }
  if (end.reconcile.ok == false) {
    lines.push_back(
        fmt::format("{}: the counts do not reconcile: the clients have {} answers, the replicas "
                    "{}, which is {} "
                    "apart where {} are allowed{}.",
                    title_of(scenario),
                    end.reconcile.generator && end.reconcile.probe
                        ? grouped(*end.reconcile.generator + *end.reconcile.probe)
                        : kMissing,
                    count(end.reconcile.replicas), count(end.reconcile.difference),
                    count(end.reconcile.allowed),
                    end.reconcile.reason.empty() ? "" : " (" + end.reconcile.reason + ")"));
  }
}

void add_scenario(std::vector<std::string>& lines, const Scenario& scenario) {
  if (!scenario.end) {
    lines.push_back(title_of(scenario) + ": the records stop before the scenario's end.");
  } else if (scenario.end->status != "ok") {
    lines.push_back(fmt::format(
        "{}: {} after {}{}.", title_of(scenario), scenario.end->status, seconds(scenario.end->t),
        scenario.end->reason.empty() ? "" : " (" + scenario.end->reason + ")"));
  }
  add_losses(lines, scenario);
  if (scenario.end) add_failures(lines, scenario);
  // Before the load there may be no metric yet: that is how every controller starts.
  const auto under_load = [](const Tick& tick) { return tick.t >= 0; };
  const auto ticks = std::count_if(scenario.ticks.begin(), scenario.ticks.end(), under_load);
  const auto failed_ticks =
      std::count_if(scenario.ticks.begin(), scenario.ticks.end(),
                    [&](const Tick& tick) { return under_load(tick) && !tick.error.empty(); });
  if (failed_ticks > 0) {
    lines.push_back(fmt::format("{}: the HPA could not decide in {} of {} syncs under load.",
                                title_of(scenario), failed_ticks, ticks));
  }
}

// What 60 % of a request below the limit means for a pod that is used to its limit.
std::string target_note(const Scenario& s) {
  const double of_limit = *s.target_percent / 100 * *s.cpu_request_milli / *s.cpu_limit_milli;
  const double at_limit = *s.cpu_limit_milli / *s.cpu_request_milli;
  const double ratio = at_limit / (*s.target_percent / 100);
  std::string text = fmt::format(
      "The HPA's target is {} % of the request of {}m, while the limit is {}m: it aims at {} of "
      "what "
      "a pod may use. A pod at its limit counts as {} and {} times the target, so one busy pod "
      "makes "
      "the HPA ask for {}.",
      count(s.target_percent), count(s.cpu_request_milli), count(s.cpu_limit_milli),
      percent(of_limit), percent(at_limit), grouped(ratio, 1), grouped(std::ceil(ratio)));
  Figure seen;
  Figure asked;
  for (const auto& tick : s.ticks) {
    if (tick.utilization_percent) seen = std::max(seen.value_or(0), *tick.utilization_percent);
    if (tick.proposed) asked = std::max(asked.value_or(0), *tick.proposed);
  }
  if (seen && asked) {
    text += fmt::format(" In “{}” the HPA saw up to {} % and asked for up to {} pods.", title_of(s),
                        count(seen), count(asked));
  }
  return text;
}

}  // namespace

std::vector<std::string> happened_in(const Run& run) {
  std::vector<std::string> lines;
  if (run.status.empty()) {
    lines.push_back(
        run.last_line_cut
            ? "The file was cut off: its last line is half written and left out, and there "
              "is no record of the run's end."
            : "The file was cut off: there is no record of the run's end.");
  } else if (run.status != "ok") {
    lines.push_back(fmt::format("The run ended as “{}”.", run.status));
  }
  if (!run.limits) {
    lines.push_back(
        "The run had no CPU or memory limits: replicas share the machine with the load generator, "
        "and "
        "nothing in it speaks for pods with limits.");
  }
  for (const auto& scenario : run.scenarios) add_scenario(lines, scenario);
  if (run.older_runs > 0) {
    lines.push_back(fmt::format("The file holds {} before this one, which this report leaves out.",
                                counted(static_cast<double>(run.older_runs), "run", "runs")));
  }
  return lines;
}

Entries notes_on(const Run& run) {
  Entries notes;
  notes.emplace_back(
      "Closed loop",
      "wrk keeps each connection busy with one request and sends the next when the answer is "
      "there. A "
      "slower service is asked less, so its latency is that of a full queue, about connections ÷ "
      "requests/s, and says nothing about users who come at their own pace.");
  notes.emplace_back(
      "Open loop",
      "The probe sends at fixed moments, whatever the service does, and measures from the intended "
      "start, so that a stall shows in every request that it delays.");
  notes.emplace_back(
      "wrk's latencies",
      "When it ends, wrk adds samples to its latencies for the answers that it thinks it would "
      "have "
      "had to wait for (stats_correct), and counts them. Its mean and its percentiles are "
      "therefore "
      "no measurement; no table holds them, and what wrk printed stands by itself, as it is.");
  Figure timeouts;
  for (const auto& scenario : run.scenarios) {
    if (scenario.end && scenario.end->load.timeouts) {
      timeouts = timeouts.value_or(0) + *scenario.end->load.timeouts;
    }
  }
  notes.emplace_back("wrk's timeouts",
                     fmt::format("An answer slower than wrk's timeout (2 s unless told otherwise) "
                                 "counts as failed. Timeouts "
                                 "in this run: {}.",
                                 count(timeouts)));
  if (run.limits && run.cpu_factor) {
    notes.emplace_back(
        "CPU factor",
        fmt::format(
            "CPU requests and limits of the manifests are multiplied by {}{}. Utilization is "
            "a ratio to the request and stays what it was; requests/s do not.",
            grouped(*run.cpu_factor, 2),
            run.cpu_factor_reason.empty() ? "" : " (" + run.cpu_factor_reason + ")"));
  }
  if (run.time_scale && *run.time_scale != 1) {
    notes.emplace_back(
        "Time scale",
        fmt::format("The HPA's periods and windows run {} times as fast; the load and "
                    "the replicas do not.",
                    grouped(*run.time_scale)));
  }
  if (run.target == "local") {
    notes.emplace_back(
        "Not run here",
        "Of a cluster's kubelet, a local run does not do two things: a livenessProbe is read and "
        "not "
        "run, so that a replica that hangs is not ended, and a replica that ends is started again "
        "at "
        "once, where a cluster waits longer from restart to restart (CrashLoopBackOff).");
  }
  const auto telling =
      std::find_if(run.scenarios.begin(), run.scenarios.end(), [](const Scenario& s) {
        return s.target_percent && s.cpu_request_milli && s.cpu_limit_milli &&
               *s.cpu_request_milli > 0 && *s.cpu_limit_milli > *s.cpu_request_milli &&
               *s.target_percent > 0;
      });
  if (telling != run.scenarios.end()) notes.emplace_back("The target", target_note(*telling));
  notes.emplace_back("Spread",
                     "Each scenario ran once, so the spread from run to run is not known; ratios "
                     "between scenarios of one run on one machine are what the figures support.");
  notes.emplace_back("–",
                     "Not measured, or too few requests to support the figure (a p99 needs 459).");
  return notes;
}

Entries provenance_of(const Run& run) {
  const Machine& m = run.machine;
  Entries entries;
  entries.emplace_back("Program", fmt::format("iris {}, commit {}", or_missing(run.program_version),
                                              or_missing(run.program_commit)));
  entries.emplace_back(
      "Run", fmt::format("{} on target {}, from {} to {}", run.experiment, or_missing(run.target),
                         or_missing(run.started), or_missing(run.finished)));
  entries.emplace_back("Records", run.source);
  entries.emplace_back("Kernel", or_missing(m.kernel));
  entries.emplace_back("cgroup", or_missing(m.cgroup));
  entries.emplace_back("somaxconn", count(m.somaxconn));
  entries.emplace_back("Port range",
                       m.port_range.size() == 2
                           ? fmt::format("{:.0f}–{:.0f}", m.port_range[0], m.port_range[1])
                           : kMissing);
  entries.emplace_back("nofile", count(m.nofile));
  for (const auto& manifest : run.manifests) {
    entries.emplace_back(manifest.path, "sha256 " + manifest.sha256);
  }
  return entries;
}

}  // namespace iris::report
