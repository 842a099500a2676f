// wrk, the closed-loop load generator: its arguments as they stand in a Job's manifest, its run,
// and its text output (wrk 4.1 and 4.2).
//
//   auto options = read_wrk_arguments({"wrk", "-t12", "-c1000", "-d60s", "--latency", url});
//   auto wrk = WrkRun::start(*options);
//   while (!wrk->poll()) …;
//   auto report = wrk->report();
//
// What the figures hold: a response slower than the timeout (2 s unless --timeout says otherwise)
// is left out of the latencies and counted as a timeout; one that never came is counted nowhere.
#pragma once

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/subprocess.hpp"

namespace iris::load {

struct WrkOptions {
  std::int64_t threads = 2;
  std::int64_t connections = 10;
  Nanoseconds duration = std::chrono::seconds(10);  // whole seconds
  std::string script;                               // path; empty for none
  std::vector<std::string> headers;
  std::optional<Nanoseconds> timeout;
  std::string url;
};

// Reads wrk's command line, as a Job's `command` and `args` together give it. Errors name the
// argument.
Result<WrkOptions> read_wrk_arguments(const std::vector<std::string>& argv);

// The command line that runs it, always with --latency.
std::vector<std::string> to_argv(const WrkOptions& options);

struct WrkReport {
  std::uint64_t requests = 0;  // answers read to their end, of any status
  double duration_s = 0;
  double requests_per_s = 0;
  struct Latency {
    std::int64_t p50_us = 0;
    std::int64_t p75_us = 0;
    std::int64_t p90_us = 0;
    std::int64_t p99_us = 0;
    std::int64_t mean_us = 0;
    std::int64_t max_us = 0;
  } latency;
  struct SocketErrors {
    std::uint64_t connect = 0;
    std::uint64_t read = 0;
    std::uint64_t write = 0;
    std::uint64_t timeout = 0;
    std::uint64_t total() const { return connect + read + write + timeout; }
  } socket_errors;
  std::uint64_t non_2xx = 0;
};

// Reads what wrk --latency prints. Fails, naming the line that is missing or cannot be read, on
// output that was cut off or is not wrk's.
Result<WrkReport> parse_wrk(std::string_view output);

// "4.1.0", from wrk --version. Fails, with how to get it, when there is no wrk or one that is not
// known to print what parse_wrk reads.
Result<std::string> wrk_version();

class WrkRun {
 public:
  static Result<WrkRun> start(const WrkOptions& options);

  pid_t pid() const { return process_.pid(); }
  // Reads what it prints; true when it has ended.
  bool poll();
  // Asks it to stop and to print what it has so far.
  void stop() { process_.signal(SIGINT); }
  // Once poll() is true.
  Result<WrkReport> report() const;

 private:
  explicit WrkRun(Process process) : process_(std::move(process)) {}

  Process process_;
  std::string output_;
  std::string errors_;
  std::optional<ExitStatus> status_;
};

}  // namespace iris::load
