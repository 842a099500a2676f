// What all steps of a run on a cluster share.
#pragma once

#include <algorithm>
#include <string>

#include "base/clock.hpp"
#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "kube/kubectl.hpp"

namespace iris::scale::cluster {

// The references must outlive it.
struct Session {
  const kube::Kubectl& kubectl;
  const Interrupt& interrupt;
  const Clock& clock;
  Log& log;
  std::string namespace_name;
  Nanoseconds step_timeout;  // of each step: the rollout, settling, the Job's begin and end
  Nanoseconds poll;          // from one look at the cluster to the next
  std::string admin_port;    // of the pods, where /metrics is

  // Of one call: a step that may take 3 s must not wait 30 s for one answer.
  Nanoseconds call_timeout() const {
    return std::clamp<Nanoseconds>(step_timeout, std::chrono::seconds(1), std::chrono::seconds(10));
  }

  // Sleeps until the next moment of a fixed schedule, past those that a long look has missed; true
  // when interrupted. `next` is the moment of this look, and becomes that of the one to come.
  bool wait_for_next(SteadyTime& next) const {
    const auto now = clock.steady();
    while (next <= now) next += poll;
    return interrupt.wait(next - now);
  }
};

}  // namespace iris::scale::cluster
