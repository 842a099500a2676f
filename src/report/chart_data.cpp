#include "report/chart_data.hpp"

#include <algorithm>
#include <string_view>

#include "report/summary.hpp"

namespace iris::report {
namespace {

using nlohmann::json;

json value(Figure figure) {
  return figure ? json(*figure) : json(nullptr);
}

json milliseconds_of(Figure us) {
  return us ? json(*us / 1000) : json(nullptr);
}

// One entry a sample.
template <class Get>
json series(const Scenario& scenario, const Get& get) {
  json all = json::array();
  for (const auto& sample : scenario.samples) all.push_back(get(sample));
  return all;
}

// One entry a sample of one replica; null while it did not exist.
template <class Get>
json replica_series(const Scenario& scenario, const std::string& name, const Get& get) {
  return series(scenario, [&](const Sample& sample) {
    for (const auto& replica : sample.replicas) {
      if (replica.name == name) return value(get(replica));
    }
    return json(nullptr);
  });
}

json replicas_of(const Scenario& scenario) {
  std::vector<std::string> names;  // in the order in which they came
  for (const auto& sample : scenario.samples) {
    for (const auto& replica : sample.replicas) {
      if (std::find(names.begin(), names.end(), replica.name) == names.end()) {
        names.push_back(replica.name);
      }
    }
  }
  json all = json::array();
  for (const auto& name : names) {
    const auto part = [&](auto get) { return replica_series(scenario, name, get); };
    all.push_back({{"name", name},
                   {"requests", part([](const ReplicaSample& r) { return r.requests_per_s; })},
                   {"cpu", part([](const ReplicaSample& r) { return r.cpu_milli; })},
                   {"throttled", part([](const ReplicaSample& r) -> Figure {
                      if (!r.periods || !r.throttled_periods || *r.periods <= 0) return {};
                      return *r.throttled_periods / *r.periods * 100;
                    })}});
  }
  return all;
}

}  // namespace

json chart_data(const Run& run, const Scenario& scenario) {
  json data = {
      {"title", title_of(scenario)},
      {"t", series(scenario, [](const Sample& s) { return json(s.t); })},
      {"desired", series(scenario, [](const Sample& s) { return value(s.desired); })},
      {"ready", series(scenario, [](const Sample& s) { return value(s.ready); })},
      {"total", series(scenario, [](const Sample& s) { return value(s.completed_per_s); })},
      {"errors", series(scenario, [](const Sample& s) { return value(s.errors_per_s); })},
      {"p50",
       series(scenario, [](const Sample& s) { return milliseconds_of(s.probe.latency.p50_us); })},
      {"p90",
       series(scenario, [](const Sample& s) { return milliseconds_of(s.probe.latency.p90_us); })},
      // A second holds too few samples for a p99; its slowest answer is what it is.
      {"slowest",
       series(scenario, [](const Sample& s) { return milliseconds_of(s.probe.latency.max_us); })},
      {"generator", series(scenario, [](const Sample& s) { return value(s.generator_cpu_milli); })},
      {"host", series(scenario, [](const Sample& s) { return value(s.host_cpu_milli); })},
      {"replicas", replicas_of(scenario)},
      {"request", run.limits ? value(scenario.scaled_cpu_request_milli) : json(nullptr)},
      {"limit", run.limits ? value(scenario.scaled_cpu_limit_milli) : json(nullptr)},
      {"cores", value(run.machine.cores)},
      {"max", value(scenario.max_replicas)},
      {"connections", value(scenario.connections)},
      {"steady", nullptr}};
  if (scenario.end && scenario.end->steady && scenario.end->steady->from_t &&
      scenario.end->steady->to_t) {
    data["steady"] = {*scenario.end->steady->from_t, *scenario.end->steady->to_t};
  }
  data["ticks"] = json::array();
  for (const auto& tick : scenario.ticks) {
    data["ticks"].push_back({{"t", tick.t}, {"desired", value(tick.desired)}});
  }
  data["events"] = json::array();
  for (const auto& event : scenario.events) {
    data["events"].push_back({{"t", event.t},
                              {"kind", event.kind},
                              {"from", value(event.from)},
                              {"to", value(event.to)},
                              {"replica", event.replica}});
  }
  return data;
}

std::string script_safe(const json& data) {
  // No "<" means neither "</script>" nor "<!--" can end or change the element.
  std::string out;
  for (const char c : data.dump(-1, ' ', /*ensure_ascii=*/true)) {
    if (std::string_view("<>&").find(c) == std::string_view::npos) {
      out += c;
    } else {
      out += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    }
  }
  return out;
}

}  // namespace iris::report
