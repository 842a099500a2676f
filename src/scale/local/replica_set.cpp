#include "scale/local/replica_set.hpp"

#include <algorithm>
#include <csignal>

namespace iris::scale::local {
namespace {

using std::chrono::seconds;

// The kubelet's: at once, then 10 s, doubled each time up to 300 s. Controller time.
constexpr Nanoseconds kBackoff = seconds(10);
constexpr Nanoseconds kBackoffMost = seconds(300);
constexpr int kStartsWithoutReady = 3;
constexpr Nanoseconds kScrapeTime = std::chrono::milliseconds(900);

Nanoseconds backoff(int restarts) {
  if (restarts < 1) return Nanoseconds{0};
  return std::min(kBackoff * (1 << std::min(restarts - 1, 10)), kBackoffMost);
}

}  // namespace

ReplicaSet::ReplicaSet(ReplicaPlan plan, Outside outside)
    : plan_(std::move(plan)),
      outside_(std::move(outside)),
      slots_(outside_.sockets.slots()),
      grace_(plan_.grace) {}

Result<void> ReplicaSet::set_replicas(std::int32_t replicas) {
  if (replicas < 0 || static_cast<std::size_t>(replicas) > slots_.size()) {
    return input_error("cannot run {} replicas here: {} slots", replicas, slots_.size());
  }
  desired_ = replicas;
  return {};
}

Result<void> ReplicaSet::step() {
  for (const auto& replica : replicas_) {
    if (!replica->alive()) continue;
    if (const auto status = replica->poll()) {
      ended(*replica, *status);
    } else if (replica->drain_at) {
      step_drain(*replica);
    } else {
      check_readiness(*replica);
    }
  }
  if (auto started = start_missing(); !started) return started;
  auto extra = active();
  // As a ReplicaSet does: first those that are not ready, then the youngest.
  std::stable_sort(extra.begin(), extra.end(), [](const Pointer& a, const Pointer& b) {
    return a->ready != b->ready ? b->ready : a->started_at > b->started_at;
  });
  for (std::size_t i = 0; i + static_cast<std::size_t>(desired_) < extra.size(); ++i) {
    drain(*extra[i], plan_.pre_stop);
  }
  read_metrics();
  if (error_) return tl::unexpected(*error_);
  return {};
}

std::vector<ReplicaSet::Pointer> ReplicaSet::active() const {
  std::vector<Pointer> found;
  for (const auto& replica : replicas_) {
    if (replica->alive() && !replica->drain_at) found.push_back(replica);
  }
  return found;
}

void ReplicaSet::ended(Replica& replica, const ExitStatus& status) {
  replica.read_usage();  // the group's last word: CPU time and kills for want of memory
  const bool asked = replica.drain_at.has_value();
  const bool had_to_kill = replica.killed;
  replica.retire();
  metrics_.forget(replica.name());
  spread();
  if (!asked) return lost(replica, status);

  const auto took = to_seconds(outside_.clock.steady() - *replica.drain_at);
  auto message = fmt::format("{} {:.1f} s after it was asked to end", status.describe(), took);
  if (had_to_kill)
    message += fmt::format(", as it had not ended after {:.0f} s", to_seconds(grace_));
  if (!status.ok()) unclean_.push_back(fmt::format("{}: {}", replica.name(), message));
  outside_.on_event({"replica_gone", replica.name(), message});
}

void ReplicaSet::lost(Replica& replica, const ExitStatus& status) {
  auto& slot = slots_[replica.slot()];
  slot.vacant = true;
  slot.not_before = outside_.clock.steady() + outside_.time.real(backoff(slot.restarts++));
  auto message = "died unasked: " + status.describe();
  if (replica.killed) message += ", as it was not ready in time";
  if (replica.out_of_memory()) {
    message +=
        fmt::format(", out of memory at its limit of {} bytes", plan_.limits.memory_limit_bytes);
  }
  const auto words = replica.last_words();
  if (status.signal == 0 && !words.empty()) message += "; its last words: " + words;
  lost_.push_back(replica.name());
  if (!ever_ready_ || slot.restarts >= kStartsWithoutReady) {
    error_ = Error{ExitCode::kEnvironment,
                   fmt::format("replicas cannot be started: {} {}", replica.name(), message)};
  } else if (desired_ > 0) {
    message += "; a replacement takes its slot";
  }
  outside_.on_event({"replica_lost", replica.name(), message});
}

void ReplicaSet::drain(Replica& replica, Nanoseconds pause) {
  const auto now = outside_.clock.steady();
  replica.drain_at = now;
  replica.terminate_at = now + pause;
  replica.state = ReplicaState::kDraining;
  spread();
  outside_.on_event(
      {"replica_draining", replica.name(),
       fmt::format("gets no new connections; SIGTERM in {:.1f} s", to_seconds(pause))});
  step_drain(replica);
}

void ReplicaSet::step_drain(Replica& replica) {
  const auto now = outside_.clock.steady();
  if (!replica.terminated && now >= replica.terminate_at) {
    replica.terminated = true;
    replica.signal(SIGTERM);
  }
  // Its counts end with it: they are read as long as it answers.
  if (replica.terminated) scrape(replica);
  if (!replica.killed && now >= *replica.drain_at + grace_) {
    replica.killed = true;
    replica.signal(SIGKILL);
  }
}

void ReplicaSet::drain_all(Nanoseconds grace) {
  desired_ = 0;
  grace_ = grace;
  for (const auto& replica : replicas_) {
    if (!replica->alive()) continue;
    if (replica->drain_at) {
      replica->terminate_at = outside_.clock.steady();
    } else {
      drain(*replica, Nanoseconds{0});
    }
  }
}

void ReplicaSet::check_readiness(Replica& replica) {
  const auto now = outside_.clock.steady();
  const bool never_ready = !replica.ready && replica.ready_changed_at == replica.started_at;
  if (never_ready && !replica.killed && now > replica.started_at + plan_.start_deadline) {
    replica.killed = true;
    return replica.signal(SIGKILL);
  }
  if (now < replica.next_check_at || replica.checker().busy()) return;
  // A starting replica is asked often: the run should not wait for a check that is not due.
  replica.next_check_at = now + std::min<Nanoseconds>(plan_.ready_period, std::chrono::seconds(1));
  if (!replica.ready) replica.next_check_at = now + std::chrono::milliseconds(50);
  replica.checker().exchange(
      http::format_request({.target = plan_.ready_path}, replica.admin_address()),
      now + plan_.ready_timeout, [this, &replica](const Result<http::Answer>& answer) {
        if (replica.drain_at) return;
        const bool passed = answer && answer->status >= 200 && answer->status < 400;
        replica.failed_checks = passed ? 0 : replica.failed_checks + 1;
        if (passed && !replica.ready) set_ready(replica, true);
        if (!passed && replica.ready && replica.failed_checks >= plan_.failure_threshold) {
          set_ready(replica, false);
        }
      });
}

void ReplicaSet::set_ready(Replica& replica, bool ready) {
  const auto now = outside_.clock.steady();
  replica.ready = ready;
  replica.ready_changed_at = now;
  replica.state = ready ? ReplicaState::kReady : ReplicaState::kStarting;
  spread();
  if (!ready) {
    outside_.on_event({"replica_unready", replica.name(), "failed its readiness checks"});
    return;
  }
  if (!ever_ready_) next_reading_ = outside_.time.now();
  ever_ready_ = true;
  slots_[replica.slot()].restarts = 0;
  most_ready_ = std::max(most_ready_, ready_count());
  outside_.on_event({"replica_ready", replica.name(),
                     fmt::format("ready {:.2f} s after its start, in slot {}",
                                 to_seconds(now - replica.started_at), replica.slot())});
}

void ReplicaSet::spread() {
  std::vector<std::size_t> slots;
  for (const auto& replica : active()) {
    if (replica->ready) slots.push_back(replica->slot());
  }
  if (auto set = outside_.sockets.set_ready(slots); !set && !error_) error_ = set.error();
}

Result<void> ReplicaSet::start_missing() {
  while (active().size() < static_cast<std::size_t>(desired_)) {
    const auto slot = free_slot();
    if (!slot) return {};  // one drains or waits for its next start
    if (auto started = start_one(*slot); !started) return started;
  }
  return {};
}

// A lost replica's slot first: connections may wait in its queue.
std::optional<std::size_t> ReplicaSet::free_slot() const {
  const auto now = outside_.clock.steady();
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const bool taken = std::any_of(replicas_.begin(), replicas_.end(), [&](const Pointer& replica) {
      return replica->alive() && replica->slot() == i;
    });
    if (taken) continue;
    if (slots_[i].vacant) return now >= slots_[i].not_before ? std::optional(i) : std::nullopt;
    if (!found) found = i;
  }
  return found;
}

Result<void> ReplicaSet::start_one(std::size_t slot) {
  const bool replaces = std::exchange(slots_[slot].vacant, false);
  const auto name = fmt::format("{}-{}", plan_.name, ++started_);
  auto replica = Replica::start(plan_, name, {slot, outside_.sockets.socket(slot), outside_.groups},
                                outside_.io, outside_.clock);
  if (!replica) return tl::unexpected(replica.error());
  replicas_.push_back(*replica);
  outside_.on_event({"replica_started", name,
                     fmt::format("process {} in slot {}{}", (*replica)->process().pid(), slot,
                                 replaces ? ", in place of the one that died" : "")});
  return {};
}

void ReplicaSet::read_metrics() {
  const auto now = outside_.time.now();
  if (!next_reading_ || now < *next_reading_) return;
  while (*next_reading_ <= now) *next_reading_ += kMetricResolution;
  for (const auto& replica : replicas_) {
    const auto usage = replica->read_usage();
    if (!usage) continue;
    const auto at = replica->usage_at();
    metrics_.add(replica->name(),
                 {outside_.time.at(replica->started_at), replica->started_at, 0, 0},
                 {outside_.time.at(at), at, usage->cpu_us, usage->memory_bytes});
  }
}

void ReplicaSet::begin_scrape() {
  for (const auto& replica : replicas_) {
    if (replica->alive()) scrape(*replica);
  }
}

void ReplicaSet::scrape(Replica& replica) {
  if (replica.admin().busy()) return;
  replica.admin().exchange(http::format_request({.target = "/metrics"}, replica.admin_address()),
                           outside_.clock.steady() + kScrapeTime,
                           [this, &replica](const auto& answer) {
                             if (!answer || answer->status != 200) return;
                             const auto counts = read_counts(answer->body);
                             if (!counts) {
                               if (!error_) error_ = counts.error();
                               return;
                             }
                             replica.counts = *counts;
                             replica.counts_at = outside_.clock.steady();
                           });
}

bool ReplicaSet::scraping() const {
  return std::any_of(replicas_.begin(), replicas_.end(), [](const Pointer& replica) {
    return replica->alive() && replica->admin().busy();
  });
}

bool ReplicaSet::counted_since(SteadyTime time) const {
  return std::all_of(replicas_.begin(), replicas_.end(), [&](const Pointer& replica) {
    return !replica->alive() || replica->counts_at > time;
  });
}

std::vector<ReplicaSample> ReplicaSet::sample(SteadyTime origin) {
  std::vector<ReplicaSample> samples;
  for (const auto& replica : replicas_) {
    replica->read_usage();
    const auto& usage = replica->last_usage();
    ReplicaSample sample;
    sample.name = replica->name();
    sample.slot = static_cast<int>(replica->slot());
    sample.state = to_string(replica->state);
    sample.counted_t = to_seconds(replica->counts_at - origin);
    sample.received = replica->counts.received;
    sample.answered = replica->counts.answered;
    sample.errors = replica->counts.errors;
    sample.connections = replica->counts.connections;
    sample.used_t = to_seconds(replica->usage_at() - origin);
    sample.cpu_us = usage.cpu_us;
    sample.memory_bytes = usage.memory_bytes;
    if (replica->limited()) {
      sample.periods = usage.periods;
      sample.throttled_periods = usage.throttled_periods;
      sample.throttled_us = usage.throttled_us;
    }
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::int32_t ReplicaSet::ready_count() const {
  return static_cast<std::int32_t>(
      std::count_if(replicas_.begin(), replicas_.end(),
                    [](const Pointer& replica) { return replica->ready && !replica->drain_at; }));
}

std::size_t ReplicaSet::alive_count() const {
  return static_cast<std::size_t>(std::count_if(
      replicas_.begin(), replicas_.end(), [](const Pointer& replica) { return replica->alive(); }));
}

std::vector<std::string> ReplicaSet::gone() const {
  std::vector<std::string> names;
  for (const auto& replica : replicas_) {
    if (!replica->alive()) names.push_back(replica->name());
  }
  return names;
}

std::optional<SteadyTime> ReplicaSet::settled_at() const {
  if (ready_count() != desired_) return std::nullopt;
  std::optional<SteadyTime> last;
  for (const auto& replica : active()) {
    last = std::max(last.value_or(replica->ready_changed_at), replica->ready_changed_at);
  }
  return last;
}

bool ReplicaSet::metrics_settled() const {
  const auto settled = settled_at();
  const auto metrics = metrics_.metrics("");
  return settled && std::any_of(metrics.begin(), metrics.end(), [&](const auto& entry) {
           return entry.timestamp - entry.window >= outside_.time.at(*settled);
         });
}

Result<Observed> ReplicaSet::observe() {
  Observed observed;
  observed.replicas = desired_;
  observed.metrics = metrics_.metrics(plan_.spec.containers[plan_.container].name);
  for (const auto& replica : replicas_) {
    if (replica->alive()) observed.pods.push_back(to_pod(*replica));
  }
  return observed;
}

kube::Pod ReplicaSet::to_pod(const Replica& replica) const {
  const auto& time = outside_.time;
  kube::Pod pod;
  pod.metadata.name = replica.name();
  pod.metadata.labels = plan_.labels;
  if (replica.drain_at) pod.metadata.deletion_timestamp = time.at(*replica.drain_at + plan_.grace);
  pod.spec = plan_.spec;
  pod.status.phase = kube::PodPhase::kRunning;
  pod.status.start_time = time.at(replica.started_at);
  pod.status.conditions.push_back(
      {"Ready", replica.ready ? kube::ConditionStatus::kTrue : kube::ConditionStatus::kFalse,
       time.at(replica.ready_changed_at)});
  return pod;
}

}  // namespace iris::scale::local
