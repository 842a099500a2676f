// One replica: a process in its control group, its state, and what is known of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/subprocess.hpp"
#include "http/client.hpp"
#include "scale/local/cgroup.hpp"
#include "scale/local/replica_plan.hpp"
#include "scale/replica_counts.hpp"

namespace iris::scale::local {

enum class ReplicaState { kStarting, kReady, kDraining, kGone };
// The words of docs/records.md.
const char* to_string(ReplicaState state);

class Replica {
 public:
  struct Place {
    std::size_t slot = 0;
    int service_socket = -1;
    const CgroupRun* groups = nullptr;  // null: no limits
  };

  // Starts the process. The group goes with the replica.
  static Result<std::shared_ptr<Replica>> start(const ReplicaPlan& plan, const std::string& name,
                                                const Place& place, boost::asio::io_context& io,
                                                const Clock& clock);

  const std::string& name() const { return name_; }
  std::size_t slot() const { return slot_; }
  const Process& process() const { return process_; }
  bool alive() const { return state != ReplicaState::kGone; }

  // Reads its standard error; non-null when the process has ended.
  std::optional<ExitStatus> poll();
  void signal(int number) const { process_.signal(number); }
  // Ends the exchanges that are on their way and removes the control group. The last counts stay.
  void retire();

  // Reads the group, or without one the process: CPU time and memory only. Nothing once it is gone.
  std::optional<CgroupUsage> read_usage();
  bool limited() const { return limited_; }
  const CgroupUsage& last_usage() const { return usage_; }
  SteadyTime usage_at() const { return usage_at_; }

  http::Client& admin() { return *admin_; }      // for metrics
  http::Client& checker() { return *checker_; }  // for readiness
  const http::Endpoint& admin_address() const { return admin_address_; }

  // The last lines that it printed to standard error, as one, and what the kernel says of its
  // memory.
  std::string last_words() const;
  bool out_of_memory() const { return usage_.oom_kills > 0; }

  // The state and what goes with it belong to the ReplicaSet.
  ReplicaState state = ReplicaState::kStarting;
  SteadyTime started_at;
  SteadyTime ready_changed_at;  // of the Ready condition
  bool ready = false;           // the Ready condition
  int failed_checks = 0;
  SteadyTime next_check_at;
  std::optional<SteadyTime> drain_at;  // the pod was deleted
  SteadyTime terminate_at;             // after the preStop pause
  bool terminated = false;             // SIGTERM was sent
  bool killed = false;                 // SIGKILL was sent, by us
  ReplicaCounts counts;
  SteadyTime counts_at;

 private:
  explicit Replica(Process process) : process_(std::move(process)) {}

  std::string name_;
  std::size_t slot_ = 0;
  // Destroyed after the process: a group with a process in it cannot be removed.
  std::optional<Cgroup> group_;
  Process process_;
  bool limited_ = false;
  CgroupUsage usage_;
  SteadyTime usage_at_;
  const Clock* clock_ = nullptr;
  http::Endpoint admin_address_;
  std::optional<http::Client> admin_;
  std::optional<http::Client> checker_;
  std::string errors_;  // the end of its standard error
};

}  // namespace iris::scale::local
