#include "report/summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "report/bottleneck.hpp"
#include "report/comparison.hpp"
#include "report/evidence.hpp"
#include "report/notes.hpp"
#include "report/text.hpp"

namespace iris::report {
namespace {

// Of the connections: what is over them by more than what is rounded.
constexpr double kImpossible = 1.05;

const Span* measured_span(const Scenario& scenario) {
  if (!scenario.end) return nullptr;
  return scenario.end->steady ? &*scenario.end->steady : &scenario.end->whole;
}

std::string replicas_cell(const Scenario& scenario) {
  return fmt::format("{} → {}", count(replicas_start(scenario)), count(replicas_most(scenario)));
}

std::string latency_cell(const Scenario& scenario, Figure us) {
  return latencies_hold(scenario) || !scenario.end ? milliseconds(us) : kNotSupported;
}

Table results_of(const Run& run) {
  Table table;
  table.columns = {
      {"Scenario", "", false},
      {"Connections", "kept open by the load generator", true},
      {"Replicas", "ready when the load began → the most ready at once", true},
      {"Probe p50", "latency of the open-loop probe, from the intended start, over the whole run",
       true},
      {"Probe p99", "latency of the open-loop probe, from the intended start, over the whole run",
       true},
      {"Requests/s, steady", "after the last scale-up was ready", true},
      {"Requests/s, whole run", "with the time that scaling took", true},
      {"Errors", "answers other than 2xx, socket errors, counts that do not reconcile", true},
      {"CPU throttled", "part of the CPU quota's periods in which a replica was stopped, steady",
       true},
      {"Busiest / mean", "requests of the busiest replica over the mean of all, steady", true},
      {"Observation", "", false}};
  for (const auto& scenario : run.scenarios) {
    const Span* span = measured_span(scenario);
    table.rows.push_back({title_of(scenario), count(scenario.connections), replicas_cell(scenario),
                          latency_cell(scenario, client_p50_us(scenario)),
                          latency_cell(scenario, client_p99_us(scenario)),
                          count(steady_per_s(scenario)), count(whole_per_s(scenario)),
                          count(scenario.end ? scenario.end->failed_requests : std::nullopt),
                          percent(span != nullptr ? span->throttled_fraction : std::nullopt),
                          times(span != nullptr ? span->imbalance : std::nullopt),
                          observation(run, scenario)});
  }
  return table;
}

std::string littles_law(const Scenario& scenario) {
  if (!scenario.end || !scenario.end->littles_law.in_flight) return kMissing;
  return fmt::format("{} of {}{}", count(scenario.end->littles_law.in_flight),
                     count(scenario.connections), latencies_hold(scenario) ? "" : ": impossible");
}

std::string reconciled(const Scenario& scenario) {
  if (!scenario.end || !scenario.end->reconcile.ok) return kMissing;
  const Reconcile& r = scenario.end->reconcile;
  return fmt::format("{}: {} apart, {} allowed", *r.ok ? "yes" : "no", count(r.difference),
                     count(r.allowed));
}

Table checks_of(const Run& run) {
  Table table;
  table.columns = {{"Scenario", "", false},
                   {"Probe answered", "requests of the open-loop probe, answered of sent", true},
                   {"Probe max", "from the intended start", true},
                   {"In flight, at least",
                    "Little's law: requests/s × the probe's latency as connections that send again "
                    "at once would "
                    "meet it, of the connections; more than those is impossible",
                    true},
                   {"Counts reconcile", "the clients' counts against the replicas' own", true},
                   {"Generator CPU", "milli-CPU of the load generator, steady", true},
                   {"Machine CPU", "milli-CPU of everything on the machine, steady", true}};
  for (const auto& scenario : run.scenarios) {
    const Span* span = measured_span(scenario);
    const Probe probe = scenario.end ? scenario.end->probe : Probe{};
    table.rows.push_back(
        {title_of(scenario), fmt::format("{} of {}", count(probe.answered), count(probe.sent)),
         milliseconds(probe.latency.max_us), littles_law(scenario), reconciled(scenario),
         count(span != nullptr ? span->generator_cpu_milli : std::nullopt),
         count(span != nullptr ? span->host_cpu_milli : std::nullopt)});
  }
  return table;
}

// A ratio with the two figures that it is of.
template <class Format>
std::string ratio_cell(Figure ratio, Figure more, Figure less, const Format& format) {
  if (!ratio) return kMissing;
  return fmt::format("{} ({} ÷ {})", times(ratio), format(more), format(less));
}

Table comparisons_of(const std::vector<Comparison>& comparisons) {
  Table table;
  table.columns = {{"What differs", "", false},
                   {"Requests/s, steady", "ratio of the steady states", true},
                   {"Requests/s, whole run", "ratio with the time that scaling took", true},
                   {"Probe p99", "ratio of the probe's latencies", true}};
  for (const auto& c : comparisons) {
    table.rows.push_back(
        {title_of(c),
         ratio_cell(c.steady_ratio, steady_per_s(*c.more), steady_per_s(*c.less), count),
         ratio_cell(c.whole_ratio, whole_per_s(*c.more), whole_per_s(*c.less), count),
         ratio_cell(c.p99_ratio, client_p99_us(*c.more), client_p99_us(*c.less), milliseconds)});
  }
  return table;
}

// The comparison that answers the run's question: what did more replicas bring?
const Comparison* main_comparison(const std::vector<Comparison>& comparisons) {
  for (const auto& c : comparisons) {
    if (c.factor == Factor::kMaxReplicas && c.steady_ratio) return &c;
  }
  return nullptr;
}

// The sum of a figure over the scenarios; empty when any lacks it, because a sum that leaves
// something out says less than nothing.
template <class Get>
Figure total(const Run& run, const Get& get) {
  double sum = 0;
  for (const auto& scenario : run.scenarios) {
    const Figure value = scenario.end ? get(*scenario.end) : std::nullopt;
    if (!value) return std::nullopt;
    sum += *value;
  }
  return run.scenarios.empty() ? std::nullopt : Figure(sum);
}

Figure failed_requests(const Run& run) {
  return total(run, [](const ScenarioEnd& end) { return end.failed_requests; });
}

// The worst share among scenarios with more than one replica.
Figure worst_imbalance(const Run& run) {
  Figure worst;
  for (const auto& scenario : run.scenarios) {
    const Span* span = measured_span(scenario);
    if (span == nullptr || !span->imbalance || replicas_most(scenario).value_or(0) < 2) continue;
    worst = std::max(worst.value_or(0), *span->imbalance);
  }
  return worst;
}

std::vector<Headline> headlines_of(const Run& run, const std::vector<Comparison>& comparisons) {
  std::vector<Headline> all;
  if (const auto* c = main_comparison(comparisons)) {
    all.push_back({times(c->steady_ratio),
                   fmt::format("requests/s with up to {} than with {} at {} connections",
                               counted(c->more->max_replicas.value_or(0), "replica", "replicas"),
                               count(c->less->max_replicas), count(c->more->connections))});
  }
  const Scenario* best = nullptr;
  for (const auto& scenario : run.scenarios) {
    if (steady_per_s(scenario) &&
        (best == nullptr || *steady_per_s(scenario) > *steady_per_s(*best))) {
      best = &scenario;
    }
  }
  if (best != nullptr) {
    all.push_back({count(steady_per_s(*best)),
                   fmt::format("requests/s at best, steady, with {}",
                               counted(replicas_most(*best).value_or(0), "replica", "replicas"))});
  }
  const Figure requests = total(run, [](const ScenarioEnd& end) { return end.load.requests; });
  all.push_back({count(failed_requests(run)),
                 requests ? fmt::format("failed of {} requests", count(requests))
                          : std::string("failed requests: not all scenarios ended")});
  if (worst_imbalance(run)) {
    all.push_back({times(worst_imbalance(run)), "the busiest replica's requests over the mean"});
  }
  return all;
}

bool lost_any(const Run& run) {
  return std::any_of(run.scenarios.begin(), run.scenarios.end(), [](const Scenario& s) {
    return s.end && s.end->whole.replicas_lost.value_or(0) > 0;
  });
}

std::string verdict_of(const Run& run, const std::vector<Comparison>& comparisons) {
  std::string text;
  if (run.status.empty()) text += "The run was cut off, and what follows is what was recorded. ";
  if (run.status == "interrupted") text += "The run was interrupted. ";
  if (const auto* c = main_comparison(comparisons)) {
    text += fmt::format(
        "At {} connections, up to {} answered {} requests/s in the steady state and {} answered "
        "{}: "
        "{} as many. ",
        count(c->more->connections),
        counted(c->more->max_replicas.value_or(0), "replica", "replicas"),
        count(steady_per_s(*c->more)), count(c->less->max_replicas), count(steady_per_s(*c->less)),
        times(c->steady_ratio));
  }
  const Figure failed = failed_requests(run);
  if (!failed) {
    text += "Failed requests were not counted in every scenario. ";
  } else {
    text += *failed == 0 ? "No request failed. "
                         : fmt::format("{} failed. ", counted(*failed, "request", "requests"));
  }
  if (const Figure worst = worst_imbalance(run)) {
    text +=
        fmt::format("After the last scale-up the busiest replica got {} the mean{}. ", times(worst),
                    *worst <= kEven ? ""
                    : lost_any(run) ? ", counting a replica that was replaced in that time"
                                    : ", which is uneven");
  }
  std::vector<std::string> limits;
  for (const auto& scenario : run.scenarios) {
    const auto finding = find_bottleneck(evidence_of(run, scenario));
    const std::string name = finding ? name_of(finding->kind) : "none found";
    if (std::find(limits.begin(), limits.end(), name) == limits.end()) limits.push_back(name);
  }
  if (!limits.empty()) text += fmt::format("What limits: {}.", fmt::join(limits, ", "));
  return text;
}

std::string machine_of(const Run& run) {
  const Machine& m = run.machine;
  return fmt::format(
      "{}, {}, {} of memory, {}, Linux {}", m.cpu_model.empty() ? kMissing : m.cpu_model,
      m.cores ? counted(*m.cores, "core", "cores") : std::string(kMissing) + " cores",
      bytes(m.memory_bytes), m.os.empty() ? kMissing : m.os,
      m.kernel.empty() ? kMissing : m.kernel);
}

}  // namespace

bool enough_for_p99(Figure count) {
  return count && *count >= 459;
}

bool enough_for_p50(Figure count) {
  return count && *count >= 7;
}

std::string generator_words(const Scenario& scenario) {
  if (!scenario.end) return {};
  const LoadResult& load = scenario.end->load;
  std::string words = load.output;
  // Records of programs that read the latencies and kept no text.
  if (const auto& own = load.wrk_latency; words.empty() && own.mean_us) {
    words =
        fmt::format("Latency: mean {}, p50 {}, p90 {}, p99 {}, max {}\n", milliseconds(own.mean_us),
                    milliseconds(own.p50_us), milliseconds(own.p90_us), milliseconds(own.p99_us),
                    milliseconds(own.max_us));
    const double in_flight = load.requests_per_s.value_or(0) * *own.mean_us / 1e6;
    if (scenario.connections && in_flight > kImpossible * *scenario.connections) {
      words += fmt::format(
          "Not supported: by Little's law {} requests would have been under way on {} "
          "connections.\n",
          grouped(in_flight), count(scenario.connections));
    }
  }
  if (!scenario.end->load_errors.empty()) words += "Standard error:\n" + scenario.end->load_errors;
  for (char& c : words) {
    // A script prints what it likes.
    if ((static_cast<unsigned char>(c) < ' ' && c != '\n') || c == '\x7f') c = '?';
  }
  return words;
}

std::string title_of(const Scenario& scenario) {
  return scenario.title.empty() ? scenario.name : scenario.title;
}

std::string observation(const Run& run, const Scenario& scenario) {
  std::string text;
  if (!scenario.end) {
    text = scenario.samples.empty()
               ? std::string("cut off before the first sample; ")
               : fmt::format("cut off after {}; ", seconds(scenario.samples.back().t));
  } else if (scenario.end->status != "ok") {
    text = fmt::format("{} after {}; ", scenario.end->status, seconds(scenario.end->t));
  }
  if (const Figure took = scale_up_s(scenario)) {
    text += fmt::format("scaled from {} to {} in {}, then ", count(replicas_start(scenario)),
                        counted(*replicas_most(scenario), "replica", "replicas"), seconds(took));
  }
  const auto finding = find_bottleneck(evidence_of(run, scenario));
  text += finding ? finding->sentence : "no limit was reached that the records show";
  text += ".";
  // Names of the field (maxReplicas) keep their case.
  if (text.rfind("maxReplicas", 0) != 0 && text[0] >= 'a' && text[0] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  }
  return text;
}

Summary summarize(const Run& run) {
  const auto comparisons = compare(run);
  Summary summary;
  summary.title = run.title.empty() ? run.experiment : run.title;
  summary.verdict = verdict_of(run, comparisons);
  summary.headlines = headlines_of(run, comparisons);
  summary.machine = machine_of(run);
  summary.results = results_of(run);
  for (const auto& scenario : run.scenarios) summary.reference.push_back(scenario.reference);
  summary.comparisons = comparisons_of(comparisons);
  summary.checks = checks_of(run);
  summary.happened = happened_in(run);
  summary.notes = notes_on(run);
  summary.provenance = provenance_of(run);
  return summary;
}

}  // namespace iris::report
