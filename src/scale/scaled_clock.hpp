// Controller time: a wall clock that runs N times as fast as the real one. A controller that lives
// on it keeps every duration of Kubernetes (15 s between syncs, 300 s of stabilization, the periods
// of an HPA's policies) and still takes an Nth of the time.
//
//   const ScaledClock time(clock, 10);
//   time.now();                        // for the controller, pods and metrics
//   time.real(std::chrono::seconds(15))  // 1.5 s, for who has to wait
#pragma once

#include "base/clock.hpp"

namespace iris::scale {

class ScaledClock {
 public:
  ScaledClock(const Clock& clock, double factor)
      : clock_(clock), factor_(factor), wall_origin_(clock.wall()), origin_(clock.steady()) {}

  double factor() const { return factor_; }
  WallTime now() const { return at(clock_.steady()); }
  // The controller time of a moment of the real monotonic clock.
  WallTime at(SteadyTime moment) const {
    return wall_origin_ + std::chrono::duration_cast<Nanoseconds>(
                              std::chrono::duration<double, std::nano>(moment - origin_) * factor_);
  }
  // How long a duration of controller time really takes.
  Nanoseconds real(Nanoseconds controller) const {
    return std::chrono::duration_cast<Nanoseconds>(
        std::chrono::duration<double, std::nano>(controller) / factor_);
  }
  SteadyTime steady() const { return clock_.steady(); }

 private:
  const Clock& clock_;
  double factor_;
  WallTime wall_origin_;
  SteadyTime origin_;
};

}  // namespace iris::scale
