// What one scenario leaves behind, whatever the target: its records, its progress on the log and
// its outcome. The target drives and observes; this writes, counts and judges.
//
//   ScenarioRecorder recorder(scenario, {clock, log, records, cores});
//   recorder.start(…);            // scenario_start
//   recorder.begin(now);          // the load begins: time counts from here
//   recorder.sample(at, …);       // at once, and again and again
//   recorder.conclude(…);         // the load has ended
//   auto outcome = recorder.finish(lost);  // scenario_end
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "scale/experiment.hpp"
#include "scale/journal.hpp"
#include "scale/outcome.hpp"
#include "scale/records.hpp"

namespace iris::scale {

// What scenario_start says beside what the experiment does. CPU in thousandths, as the manifests
// have it and as the run uses it.
struct ScenarioStart {
  load::WrkOptions wrk;               // as it is run
  std::vector<std::string> job_argv;  // as the Job's manifest has it
  double sync_period_s = 15;
  std::int64_t cpu_request_milli = 0;
  std::int64_t cpu_limit_milli = 0;
  std::int64_t memory_limit_bytes = 0;
  std::int64_t scaled_cpu_request_milli = 0;
  std::int64_t scaled_cpu_limit_milli = 0;
  Nanoseconds connection_age{};  // the oldest that a connection gets
};

// What is known when the load has ended and the counts have come to rest.
struct LoadEnd {
  double at_t = 0;  // of the load
  Sample last;      // at rest
  int replicas_max = 0;
  std::vector<std::string> ended;  // replicas that ended during the load
  std::optional<double>
      settled_t;  // since when all that are desired were ready; none: they are not
};

class ScenarioRecorder {
 public:
  struct Outside {
    const Clock& clock;
    Log& log;
    RecordFile& records;
    std::size_t cores = 0;  // of the machine that the host's CPU time is of; 0: none
  };

  ScenarioRecorder(const Scenario& scenario, Outside outside);

  void start(const ScenarioStart& start);
  void begin(SteadyTime now) { journal_.begin(now); }
  bool begun() const { return !samples_.empty(); }
  SteadyTime origin() const { return journal_.origin(); }
  double now_t() const { return journal_.now_t(); }

  // `at` is when it was seen, the present unless given. `kind` is one of docs/records.md; it goes
  // to the log too.
  void event(const char* kind, const std::string& replica, const std::string& message,
             std::optional<SteadyTime> at = {});
  void scaled(int from, int to, const std::string& message, std::optional<SteadyTime> at = {});
  void tick(Record fields, std::optional<SteadyTime> at = {});
  // The first one is where counts begin, and no record.
  void sample(SteadyTime at, Sample now, const std::optional<load::ProbeCounts>& probe);

  // The scenario goes on, and has failed. The first reason is kept.
  void fail(const std::string& reason);
  // The run cannot go on; whoever gets the error prints it.
  void give_up(const Error& error);
  void interrupted();

  ScenarioOutcome& outcome() { return outcome_; }
  // Once there is a sample. Sets the figures of the outcome, and judges the objective unless the
  // scenario was interrupted.
  void conclude(const LoadEnd& end, bool judge);
  // `lost` counts replicas that died unasked.
  ScenarioOutcome finish(std::size_t lost);

 private:
  struct ProbeInterval {
    double from_t;
    double to_t;
    load::ProbeCounts counts;
  };

  void print_progress(const Sample& before, const Sample& now,
                      const std::optional<load::ProbeCounts>& probe) const;
  void judge_objective();
  void judge_requests();

  const Scenario& scenario_;
  Outside outside_;
  Journal journal_;
  ScenarioOutcome outcome_;
  Nanoseconds connection_age_{};
  std::vector<Sample> samples_;
  std::vector<ProbeInterval> probe_intervals_;
  std::optional<Span> whole_;
};

}  // namespace iris::scale
