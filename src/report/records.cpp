#include "report/records.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "report/fields.hpp"

namespace iris::report {
namespace {

using nlohmann::json;

Machine read_machine(const Fields& from) {
  return {.cpu_model = from.text("cpu_model"),
          .cores = from.amount("cores"),
          .memory_bytes = from.amount("memory_bytes"),
          .kernel = from.text("kernel"),
          .os = from.text("os"),
          .cgroup = from.text("cgroup"),
          .somaxconn = from.amount("somaxconn"),
          .port_range = from.numbers("port_range", 2),
          .nofile = from.amount("nofile")};
}

Run read_run(const Fields& from) {
  Run run;
  run.experiment = from.required_text("experiment");
  run.title = from.text("title");
  run.started = from.text("started");
  run.program_version = from.object("program").text("version");
  run.program_commit = from.object("program").text("commit");
  run.target = from.text("target");
  run.time_scale = from.amount("time_scale");
  run.cpu_factor = from.amount("cpu_factor");
  run.cpu_factor_reason = from.text("cpu_factor_reason");
  run.limits = from.boolean("limits").value_or(true);
  run.machine = read_machine(from.object("machine"));
  for (const auto& manifest : from.objects("manifests", limits::kRecordItems)) {
    run.manifests.push_back({manifest.text("path"), manifest.text("sha256")});
  }
  return run;
}

Scenario read_scenario(const Fields& from) {
  const Fields load = from.object("load");
  const Fields hpa = from.object("hpa");
  const Fields pod = from.object("pod");
  Scenario scenario;
  scenario.name = from.required_text("scenario");
  scenario.title = from.text("title");
  scenario.reference = from.boolean("reference").value_or(false);
  scenario.connections = from.amount("connections");
  scenario.min_replicas = from.amount("min_replicas");
  scenario.max_replicas = from.amount("max_replicas");
  scenario.load_argv = load.texts("argv", limits::kRecordItems);
  scenario.load_duration_s = load.amount("duration_s");
  scenario.load_threads = load.amount("threads");
  scenario.hpa_name = hpa.text("name");
  scenario.hpa_metric = hpa.text("metric");
  scenario.target_percent = hpa.amount("target_percent");
  scenario.sync_period_s = hpa.amount("sync_period_s");
  scenario.cpu_request_milli = pod.amount("cpu_request_milli");
  scenario.cpu_limit_milli = pod.amount("cpu_limit_milli");
  scenario.memory_limit_bytes = pod.amount("memory_limit_bytes");
  scenario.scaled_cpu_request_milli = pod.amount("scaled_cpu_request_milli");
  scenario.scaled_cpu_limit_milli = pod.amount("scaled_cpu_limit_milli");
  return scenario;
}

Probe read_probe(const Fields& from) {
  return {.sent = from.amount("sent"),
          .answered = from.amount("answered"),
          .failed = from.amount("failed"),
          .samples = from.has("samples") ? from.amount("samples") : from.amount("answered"),
          .latency = {from.amount("p50_us"), from.amount("p90_us"), from.amount("p99_us"),
                      from.amount("max_us"), from.amount("mean_us")}};
}

Sample read_sample(const Fields& from) {
  Sample sample;
  sample.t = from.required_number("t");
  sample.desired = from.amount("desired");
  sample.ready = from.amount("ready");
  sample.completed_per_s = from.amount("completed_per_s");
  sample.errors_per_s = from.amount("errors_per_s");
  sample.probe = read_probe(from.object("probe"));
  for (const auto& replica : from.objects("replicas", limits::kRecordItems)) {
    sample.replicas.push_back({.name = replica.required_text("name"),
                               .state = replica.text("state"),
                               .requests_per_s = replica.amount("requests_per_s"),
                               .connections = replica.amount("connections"),
                               .cpu_milli = replica.amount("cpu_milli"),
                               .periods = replica.amount("periods"),
                               .throttled_periods = replica.amount("throttled_periods"),
                               .memory_bytes = replica.amount("memory_bytes")});
  }
  sample.generator_cpu_milli = from.object("generator").amount("cpu_milli");
  sample.host_cpu_milli = from.object("host").amount("cpu_milli");
  return sample;
}

Tick read_tick(const Fields& from) {
  return {.t = from.required_number("t"),
          .current = from.amount("current"),
          .desired = from.amount("desired"),
          .utilization_percent = from.amount("utilization_percent"),
          .target_percent = from.amount("target_percent"),
          .ratio = from.amount("ratio"),
          .proposed = from.amount("proposed"),
          .limited_by = from.text("limited_by"),
          .because = from.text("because"),
          .error = from.text("error")};
}

Event read_event(const Fields& from) {
  return {.t = from.required_number("t"),
          .kind = from.required_text("kind"),
          .from = from.amount("from"),
          .to = from.amount("to"),
          .replica = from.text("replica"),
          .message = from.text("message")};
}

Span read_span(const Fields& from) {
  const Fields cpu = from.object("cpu_milli");
  Span span{.from_t = from.number("from_t"),
            .to_t = from.number("to_t"),
            .requests_per_s = from.amount("requests_per_s"),
            .imbalance = from.amount("imbalance"),
            .throttled_fraction = from.amount("throttled_fraction"),
            .share = {},
            .replicas_cpu_milli = cpu.amount("replicas"),
            .generator_cpu_milli = cpu.amount("generator"),
            .host_cpu_milli = cpu.amount("host"),
            .replicas_max = from.amount("replicas_max"),
            .replicas_lost = from.amount("replicas_lost")};
  for (const auto& share : from.objects("share", limits::kRecordItems)) {
    span.share.push_back({share.required_text("replica"), share.required_number("share")});
  }
  return span;
}

LoadResult read_load(const Fields& from) {
  const Fields latency = from.object("latency_us");
  const Fields errors = from.object("socket_errors");
  return {.requests = from.amount("requests"),
          .duration_s = from.amount("duration_s"),
          .requests_per_s = from.amount("requests_per_s"),
          .wrk_latency = {latency.amount("p50"), latency.amount("p90"), latency.amount("p99"),
                          latency.amount("max"), latency.amount("mean")},
          .max_us = from.amount("max_us"),
          .output = from.text("output"),
          .connect_errors = errors.amount("connect"),
          .read_errors = errors.amount("read"),
          .write_errors = errors.amount("write"),
          .timeouts = errors.amount("timeout"),
          .non_2xx = from.amount("non_2xx")};
}

ScenarioEnd read_end(const Fields& from) {
  const Fields reconcile = from.object("reconcile");
  ScenarioEnd end;
  end.t = from.required_number("t");
  end.status = from.required_text("status");
  end.reason = from.text("reason");
  end.load = read_load(from.object("load"));
  end.probe = read_probe(from.object("probe"));
  end.load_errors = from.text("load_errors");
  const Fields law = from.object("littles_law");
  end.littles_law = {.ok = law.boolean("ok"), .in_flight = law.amount("in_flight")};
  end.failed_requests = from.amount("failed_requests");
  end.reconcile = {.ok = reconcile.boolean("ok"),
                   .generator = reconcile.amount("generator"),
                   .probe = reconcile.amount("probe"),
                   .replicas = reconcile.amount("replicas"),
                   .difference = reconcile.number("difference"),
                   .allowed = reconcile.amount("allowed"),
                   .reason = reconcile.text("reason")};
  if (from.has("steady")) end.steady = read_span(from.object("steady"));
  end.whole = read_span(from.object("whole"));
  return end;
}

// Takes the records of a file one after another.
class RunBuilder {
 public:
  // The problem with the record, or nothing.
  std::string add(const json& record) {
    if (!record.is_object())
      return std::string("found a value of type ") + record.type_name() + ", expected an object";
    const Fields fields(record);
    const double version = fields.required_number("v");
    if (!fields.failed() && version != 1) {
      fields.complain("v", "1 (a later version needs a later program)", fmt::format("{}", version));
    }
    const auto type = fields.required_text("type");
    if (!fields.failed()) dispatch(type, fields);
    return fields.problem();
  }

  bool has_run() const { return has_run_; }
  Run take() { return std::move(run_); }

 private:
  void dispatch(const std::string& type, const Fields& fields) {
    if (type == "run") return begin(fields);
    if (!has_run_) return fields.complain("type", "\"run\" as the first record", '"' + type + '"');
    if (type == "run_end") {
      run_.finished = fields.text("finished");
      run_.status = fields.required_text("status");
      return;
    }
    if (type == "scenario_start") return begin_scenario(fields);
    static const std::set<std::string> known = {"sample", "tick", "event", "scenario_end"};
    if (known.count(type) == 0) return;  // a later program's record
    const auto name = fields.required_text("scenario");
    Scenario* scenario = find(name);
    if (scenario == nullptr) {
      return fields.complain("scenario", "one whose scenario_start was read", '"' + name + '"');
    }
    if (type == "sample") scenario->samples.push_back(read_sample(fields));
    if (type == "tick") scenario->ticks.push_back(read_tick(fields));
    if (type == "event") scenario->events.push_back(read_event(fields));
    if (type == "scenario_end") scenario->end = read_end(fields);
  }

  void begin(const Fields& fields) {
    const std::size_t older = has_run_ ? run_.older_runs + 1 : 0;
    run_ = read_run(fields);
    run_.older_runs = older;
    has_run_ = true;
  }

  void begin_scenario(const Fields& fields) {
    auto scenario = read_scenario(fields);
    if (find(scenario.name) != nullptr) {
      return fields.complain("scenario", "a new name", '"' + scenario.name + "\" again");
    }
    if (run_.scenarios.size() == limits::kRecordItems) {
      return fields.complain("scenario", "fewer scenarios", "too many");
    }
    run_.scenarios.push_back(std::move(scenario));
  }

  Scenario* find(const std::string& name) {
    const auto at = std::find_if(run_.scenarios.begin(), run_.scenarios.end(),
                                 [&](const Scenario& s) { return s.name == name; });
    return at == run_.scenarios.end() ? nullptr : &*at;
  }

  Run run_;
  bool has_run_ = false;
};

}  // namespace

Result<Run> parse_run(std::string_view text, const std::string& source) {
  RunBuilder builder;
  bool last_line_cut = false;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t newline = text.find('\n');
    const bool unfinished = newline == std::string_view::npos;
    const std::string_view line = text.substr(0, newline);
    text.remove_prefix(unfinished ? text.size() : newline + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (line.size() > limits::kRecordBytes) {
      return input_error("{}:{}: found a line of {} bytes, expected at most {}", source,
                         line_number, line.size(), limits::kRecordBytes);
    }
    const json record = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (record.is_discarded()) {
      // A writer that was killed leaves half a line, and a line feed only after a whole one.
      if (unfinished) {
        last_line_cut = true;
        break;
      }
      return input_error("{}:{}: found no JSON, expected one record a line", source, line_number);
    }
    const std::string problem = builder.add(record);
    if (!problem.empty()) return input_error("{}:{}: {}", source, line_number, problem);
  }
  if (!builder.has_run()) {
    return input_error("{}: found no records, expected a \"run\" record first", source);
  }
  Run run = builder.take();
  run.source = source;
  run.last_line_cut = last_line_cut;
  return run;
}

Result<std::vector<Run>> read_runs(const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code code;
  if (fs::is_directory(path, code)) {
    for (fs::directory_iterator at(path, code), end; !code && at != end; at.increment(code)) {
      if (at->path().extension() == ".jsonl") files.push_back(at->path().string());
    }
    if (code) return input_error("{}: cannot list: {}", path, code.message());
    std::sort(files.begin(), files.end());
    if (files.empty()) {
      return input_error("{}: found no .jsonl file, expected what 'iris scale' wrote", path);
    }
  } else {
    files.push_back(path);
  }
  std::vector<Run> runs;
  for (const auto& file : files) {
    auto text = read_file(file, limits::kRecordsBytes);
    if (!text) return tl::unexpected(text.error());
    auto run = parse_run(*text, file);
    if (!run) return tl::unexpected(run.error());
    runs.push_back(std::move(*run));
  }
  return runs;
}

}  // namespace iris::report
