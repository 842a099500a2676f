// wrk, the closed-loop load generator: its arguments as they stand in a Job's manifest, its run,
// and its text output (wrk 4.1 and 4.2).
//
//   auto options = read_wrk_arguments({"wrk", "-t12", "-c1000", "-d60s", "--latency", url});
//   auto wrk = WrkRun::start(*options);
//   while (!wrk->poll()) …;
//   auto report = wrk->report();
//
// The counts are what happened, and are read. The latencies are not: at its end wrk always calls
// stats_correct, which adds samples that nobody measured and raises their number, so that its mean
// and its percentiles are no measurement. They stay in the raw text. An answer slower than the
// timeout (2 s unless --timeout says otherwise) is counted as a timeout; one that never came is
// counted nowhere.
#pragma once

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  std::vector<std::string> script_arguments;  // after "--", for the script's init()
  // What is added to the environment, where a script may read it; no part of the command line.
  std::vector<std::pair<std::string, std::string>> environment;
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
  std::uint64_t connections = 0;  // 0: wrk did not say
  // The slowest answer within the timeout: the only latency of wrk's that it cannot have invented.
  std::int64_t max_us = 0;
  struct SocketErrors {
    std::uint64_t connect = 0;
    std::uint64_t read = 0;
    std::uint64_t write = 0;
    std::uint64_t timeout = 0;
    std::uint64_t total() const { return connect + read + write + timeout; }
  } socket_errors;
  std::uint64_t non_2xx = 0;
  // The end of what it printed, as it stands: its latencies are only here.
  std::string output;

  std::uint64_t failed() const { return non_2xx + socket_errors.total(); }
};

inline constexpr std::size_t kWordsBytes = std::size_t{16} << 10;

// Reads the summary that wrk prints at its end: one block of lines in a fixed order, so that what a
// script prints before or after it is not taken for it. Fails, naming the line that is missing or
// cannot be read, on output that was cut off, is not wrk's, or holds two such blocks.
Result<WrkReport> parse_wrk(std::string_view output);

// What wrk said about an error in its script, without the path before it; empty when there was
// none. wrk goes on after such an error, with GET and no body. `script` is the path that it was
// given.
std::string lua_error(std::string_view errors, const std::string& script);

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
  // Once poll() is true. An error in the script is one of the run, whatever was counted.
  Result<WrkReport> report() const;
  // What it wrote to standard error so far, at most kWordsBytes.
  std::string errors() const { return errors_.substr(0, kWordsBytes); }

 private:
  WrkRun(Process process, std::string script)
      : process_(std::move(process)), script_(std::move(script)) {}

  Process process_;
  std::string script_;
  std::string output_;
  std::string errors_;
  std::optional<ExitStatus> status_;
};

}  // namespace iris::load
