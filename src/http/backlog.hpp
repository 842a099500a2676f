// Connections that are put off until there is time for them: they get a share of it while others
// wait for answers, and all of it when nobody does.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>

#include "base/clock.hpp"
#include "http/event_loop.hpp"

namespace iris::http {

class Connection;

class Backlog {
 public:
  Backlog(EventLoop& loop, double share) : loop_(loop), share_(share) {}

  bool empty() const { return connections_.empty(); }

  void add(Connection& connection) {
    if (connections_.empty()) earned_at_ = loop_.now();
    connections_.push_back(&connection);
  }

  void forget(const Connection& connection) {
    std::replace(connections_.begin(), connections_.end(), const_cast<Connection*>(&connection),
                 static_cast<Connection*>(nullptr));
  }

  // Does `read` to one after another, as far as the time goes. `idle`: nobody else waits.
  template <class Read>
  void work(bool idle, Read read) {
    const SteadyTime start = loop_.read_clock();
    earned_ = std::min(
        kSaved, earned_ + std::chrono::duration_cast<Nanoseconds>((start - earned_at_) * share_));
    earned_at_ = start;
    const Nanoseconds budget = idle ? kAtATime : earned_;
    while (!connections_.empty() && loop_.now() - start < budget) {
      Connection* connection = connections_.front();
      connections_.pop_front();
      if (connection != nullptr) read(*connection);
      loop_.read_clock();
    }
    // One step may take more than was earned; it is owed then.
    if (!idle) earned_ -= loop_.now() - start;
  }

 private:
  // How much time can be saved up, and how long it works at a time when nobody waits.
  static constexpr Nanoseconds kSaved = std::chrono::milliseconds(1);
  static constexpr Nanoseconds kAtATime = std::chrono::microseconds(500);

  EventLoop& loop_;
  const double share_;
  std::deque<Connection*> connections_;  // null where one has gone
  Nanoseconds earned_{0};
  SteadyTime earned_at_{};
};

}  // namespace iris::http
