// What came out of a scenario and of a run, whatever the target was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/probe.hpp"
#include "load/wrk.hpp"
#include "scale/measure.hpp"

namespace iris::scale {

enum class ScenarioStatus { kOk, kFailed, kInterrupted };
const char* to_string(ScenarioStatus status);

// Little's law on the load's own connections: each carries one request at a time, so that at most
// `connections` are under way, which is the rate of good answers times their latency. The latency
// is the probe's, from the send, as connections that send again at once would meet it: they ask
// most while answers are quick, so that it is the harmonic mean of what one sees who asks at fixed
// moments. That is at most the true mean, so that neither a stall nor scaling breaks the law, and
// what does break it is a figure that cannot be true of these connections.
struct LittlesLaw {
  double in_flight = 0;  // at least
  std::int64_t connections = 0;
  bool holds = true;
};
// Two clients on a busy machine differ by so much.
inline constexpr double kLittlesTolerance = 0.25;
// None where nothing was answered well.
std::optional<LittlesLaw> littles_law(const load::WrkReport& load, const load::ProbeCounts& probe,
                                      std::int64_t connections);

// Samples without which a quantile is not supported: so many that with 99 % confidence one is above
// it.
std::uint64_t samples_for(double quantile);

struct ScenarioOutcome {
  std::string name;
  std::int64_t connections = 0;
  std::int32_t max_replicas = 0;
  int replicas_max = 0;  // ready at a time
  ScenarioStatus status = ScenarioStatus::kOk;
  std::string reason;  // why it failed
  std::optional<load::WrkReport> load;
  std::string
      load_words;  // what the load generator wrote to standard error, whether it ended well or not
  std::optional<load::ProbeCounts> probe;  // none where there is no probe
  std::uint64_t failed_requests = 0;
  std::optional<Span> steady;
  Reconciliation reconciliation;
  std::optional<LittlesLaw> littles_law;
  bool objective_missed = false;

  // A quantile of the probe's latencies over the whole load; none when it is not supported.
  std::optional<std::uint64_t> latency_us(double quantile) const;

  // Whether everything that a scenario promises held.
  bool passed() const {
    return status == ScenarioStatus::kOk && failed_requests == 0 && reconciliation.ok &&
           !objective_missed;
  }
};

struct RunSummary {
  std::string records_path;
  std::vector<ScenarioOutcome> scenarios;
  bool interrupted = false;  // by SIGINT or SIGTERM

  bool passed() const;
  // Of the run_end record, for a run that went through.
  const char* status() const;
};

}  // namespace iris::scale
