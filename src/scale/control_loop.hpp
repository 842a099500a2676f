// The HPA controller: every sync period it observes the target, decides, and sets the replicas.
//
//   ControlLoop loop(hpa, {}, time, target);
//   if (auto tick = loop.sync_if_due(); tick && *tick) record(**tick);   // often
#pragma once

#include <optional>

#include "kube/objects.hpp"
#include "scale/hpa/hpa.hpp"
#include "scale/scaled_clock.hpp"
#include "scale/target.hpp"

namespace iris::scale {

struct Tick {
  WallTime at;  // controller time
  hpa::Decision decision;
};

class ControlLoop {
 public:
  // The first sync is due at once. The references must outlive the loop.
  ControlLoop(kube::HorizontalPodAutoscaler hpa, hpa::ControllerConfig config,
              const ScaledClock& time, Target& target)
      : hpa_(std::move(hpa)), config_(config), time_(time), target_(target), next_(time.now()) {}

  // Nothing when no sync is due; the error is that of the target. A sync that comes late is not
  // made up for: the schedule goes on, as upstream's does.
  Result<std::optional<Tick>> sync_if_due();

 private:
  kube::HorizontalPodAutoscaler hpa_;
  hpa::ControllerConfig config_;
  const ScaledClock& time_;
  Target& target_;
  hpa::History history_;
  WallTime next_;
};

}  // namespace iris::scale
