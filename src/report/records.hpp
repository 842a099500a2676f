// The records of a run, as docs/records.md specifies them: what the report knows, and all it knows.
//
//   auto runs = read_runs("results");           // a folder, or one .jsonl file
//   if (!runs) return tl::unexpected(runs.error());
//
// A figure that was not measured is empty, never 0. Fields keep their names of the records, with
// the unit as the last word.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace iris::report {

// A measured number, or nothing.
using Figure = std::optional<double>;

struct Machine {
  std::string cpu_model;
  Figure cores;
  Figure memory_bytes;
  std::string kernel;
  std::string os;
  std::string cgroup;
  Figure somaxconn;
  std::vector<double> port_range;  // first and last ephemeral port, or empty
  Figure nofile;
};

struct Manifest {
  std::string path;
  std::string sha256;
};

struct Latency {
  Figure p50_us;
  Figure p90_us;
  Figure p99_us;
  Figure max_us;
  Figure mean_us;
};

// The open-loop client's counts and latencies, of a sample or of a whole scenario.
struct Probe {
  Figure sent;
  Figure answered;
  Figure failed;
  Figure samples;  // latencies: of the answers, and of what timed out
  Latency latency;
};

struct ReplicaSample {
  std::string name;
  std::string state;
  Figure requests_per_s;
  Figure connections;
  Figure cpu_milli;
  Figure periods;
  Figure throttled_periods;
  Figure memory_bytes;
};

struct Sample {
  double t = 0;
  Figure desired;
  Figure ready;
  Figure completed_per_s;
  Figure errors_per_s;
  Probe probe;
  std::vector<ReplicaSample> replicas;
  Figure generator_cpu_milli;
  Figure host_cpu_milli;
};

struct Tick {
  double t = 0;
  Figure current;
  Figure desired;
  Figure utilization_percent;
  Figure target_percent;
  Figure ratio;
  Figure proposed;
  std::string limited_by;  // empty when nothing kept desired from proposed
  std::string because;
  std::string error;
};

struct Event {
  double t = 0;
  std::string kind;
  Figure from;
  Figure to;
  std::string replica;
  std::string message;
};

struct Share {
  std::string replica;
  double share = 0;  // of all requests, 0 to 1
};

// Figures over a part of a scenario, or over the whole of it.
struct Span {
  Figure from_t;
  Figure to_t;
  Figure requests_per_s;
  Figure imbalance;  // the busiest replica's requests over the mean
  Figure throttled_fraction;
  std::vector<Share> share;
  Figure replicas_cpu_milli;  // of all replicas together
  Figure generator_cpu_milli;
  Figure host_cpu_milli;
  Figure replicas_max;
  Figure replicas_lost;
};

struct LoadResult {
  Figure requests;
  Figure duration_s;
  Figure requests_per_s;
  // wrk's own, from records of programs that took it for a measurement; wrk invents some of its
  // samples, so that these are never shown as one.
  Latency wrk_latency;
  Figure max_us;       // wrk's slowest answer
  std::string output;  // the end of what it printed
  Figure connect_errors;
  Figure read_errors;
  Figure write_errors;
  Figure timeouts;
  Figure non_2xx;
};

// Whether the latencies can be true, as docs/records.md says.
struct LittlesLaw {
  std::optional<bool> ok;
  Figure in_flight;  // at least
};

struct Reconcile {
  std::optional<bool> ok;
  Figure generator;
  Figure probe;
  Figure replicas;
  Figure difference;
  Figure allowed;
  std::string reason;
};

struct ScenarioEnd {
  double t = 0;
  std::string status;
  std::string reason;
  LoadResult load;
  Probe probe;
  std::string load_errors;  // what the load generator wrote to standard error
  Figure failed_requests;
  LittlesLaw littles_law;
  Reconcile reconcile;
  std::optional<Span> steady;
  Span whole;
};

struct Scenario {
  std::string name;
  std::string title;
  bool reference = false;  // one of the two rows of the reference's table
  Figure connections;
  Figure min_replicas;
  Figure max_replicas;
  std::vector<std::string> load_argv;
  Figure load_duration_s;
  Figure load_threads;
  std::string hpa_name;
  std::string hpa_metric;
  Figure target_percent;
  Figure sync_period_s;
  Figure cpu_request_milli;
  Figure cpu_limit_milli;
  Figure memory_limit_bytes;
  Figure scaled_cpu_request_milli;
  Figure scaled_cpu_limit_milli;
  std::vector<Sample> samples;
  std::vector<Tick> ticks;
  std::vector<Event> events;
  std::optional<ScenarioEnd> end;  // empty when the records stop before it
};

struct Run {
  std::string source;  // the file's path
  std::string experiment;
  std::string title;
  std::string started;
  std::string finished;
  std::string status;  // of run_end; empty when the file was cut off
  std::string program_version;
  std::string program_commit;
  std::string target;
  Figure time_scale;
  Figure cpu_factor;
  std::string cpu_factor_reason;
  bool limits = true;
  Machine machine;
  std::vector<Manifest> manifests;
  std::vector<Scenario> scenarios;
  bool last_line_cut = false;  // the last line was half written and is left out
  std::size_t older_runs = 0;  // runs before this one in the same file
};

// Reads the text of one file. A file to which several runs were appended gives the last of them.
// Errors name `source`, the line and the field.
Result<Run> parse_run(std::string_view text, const std::string& source);

// Reads a .jsonl file, or every .jsonl file of a folder in the order of their names (at least one).
Result<std::vector<Run>> read_runs(const std::string& path);

}  // namespace iris::report
