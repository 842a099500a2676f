// The replicas of one scenario: starts, checks, replaces, spreads and drains them, and shows them
// to the control loop as the API server and the metrics server would.
//
//   ReplicaSet set(plan, {io, clock, time, sockets, groups, on_event});
//   set.set_replicas(1);
//   while (…) { io.run_for(20ms); set.step(); }
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scale/local/metrics_server.hpp"
#include "scale/local/replica.hpp"
#include "scale/local/reuseport_group.hpp"
#include "scale/measure.hpp"
#include "scale/scaled_clock.hpp"
#include "scale/target.hpp"

namespace iris::scale::local {

// `kind` is one of docs/records.md.
struct ReplicaEvent {
  const char* kind;
  std::string replica;
  std::string message;
};

class ReplicaSet final : public Target {
 public:
  struct Outside {
    boost::asio::io_context& io;
    const Clock& clock;
    const ScaledClock& time;
    ReuseportGroup& sockets;  // a slot for each replica
    const CgroupRun* groups;  // null: no limits
    std::function<void(const ReplicaEvent&)> on_event;
  };

  ReplicaSet(ReplicaPlan plan, Outside outside);

  Result<Observed> observe() override;
  // Takes effect in step().
  Result<void> set_replicas(std::int32_t replicas) override;

  // To be called every few tens of milliseconds. Fails when replicas cannot be started.
  Result<void> step();

  // Begins to read the counts of all replicas; answers arrive while the io_context runs.
  void begin_scrape();
  bool scraping() const;
  // Whether the counts of all that are alive arrived after `time`.
  bool counted_since(SteadyTime time) const;
  // What is known now; gone replicas with their last counts. Times are seconds since `origin`.
  std::vector<ReplicaSample> sample(SteadyTime origin);

  std::int32_t desired() const { return desired_; }
  std::int32_t ready_count() const;
  std::size_t alive_count() const;
  std::int32_t most_ready() const { return most_ready_; }
  // When all that are desired are ready: since when; else none.
  std::optional<SteadyTime> settled_at() const;
  // Whether the metrics server has readings of the first replica from after it became ready.
  bool metrics_settled() const;
  // Names of those that died without being asked to.
  const std::vector<std::string>& lost() const { return lost_; }
  // Names of those that have ended, lost or drained.
  std::vector<std::string> gone() const;
  // Replicas that were asked to end and did not end well, one sentence each.
  const std::vector<std::string>& unclean() const { return unclean_; }

  // Asks all to end at once, without the preStop pause, and kills those that are left after
  // `grace`.
  void drain_all(Nanoseconds grace);

 private:
  using Pointer = std::shared_ptr<Replica>;
  struct Slot {
    int restarts = 0;  // since one last became ready
    SteadyTime not_before;
    bool vacant = false;  // its replica was lost and is to be replaced
  };

  std::vector<Pointer> active() const;  // neither draining nor gone
  void ended(Replica& replica, const ExitStatus& status);
  void lost(Replica& replica, const ExitStatus& status);
  void drain(Replica& replica, Nanoseconds pause);
  void step_drain(Replica& replica);
  void scrape(Replica& replica);
  void check_readiness(Replica& replica);
  void set_ready(Replica& replica, bool ready);
  void spread();
  Result<void> start_missing();
  Result<void> start_one(std::size_t slot);
  std::optional<std::size_t> free_slot() const;
  void read_metrics();
  kube::Pod to_pod(const Replica& replica) const;

  ReplicaPlan plan_;
  Outside outside_;
  std::vector<Pointer> replicas_;  // in the order of their start, gone ones included
  std::vector<Slot> slots_;
  MetricsServer metrics_;
  std::int32_t desired_ = 0;
  std::int32_t most_ready_ = 0;
  int started_ = 0;
  bool ever_ready_ = false;
  Nanoseconds grace_;
  std::optional<WallTime> next_reading_;
  std::optional<Error> error_;
  std::vector<std::string> lost_;
  std::vector<std::string> unclean_;
};

}  // namespace iris::scale::local
