#include "scale/control_loop.hpp"

namespace iris::scale {

Result<std::optional<Tick>> ControlLoop::sync_if_due() {
  const auto now = time_.now();
  if (now < next_) return std::nullopt;
  while (next_ <= now) next_ += config_.sync_period;

  const auto observed = target_.observe();
  if (!observed) return tl::unexpected(observed.error());
  auto [decision, history] =
      hpa::decide({hpa_, observed->pods, observed->metrics, observed->replicas, now}, config_,
                  std::move(history_));
  history_ = std::move(history);
  if (decision.desired_replicas != decision.current_replicas) {
    if (auto set = target_.set_replicas(decision.desired_replicas); !set) {
      return tl::unexpected(set.error());
    }
  }
  return Tick{now, std::move(decision)};
}

}  // namespace iris::scale
