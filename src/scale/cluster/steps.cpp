#include "scale/cluster/steps.hpp"

#include <algorithm>

namespace iris::scale::cluster {
namespace {

void warn_of(const Session& session, const Snapshot& snapshot) {
  for (const auto& event : snapshot.events) {
    session.log.warn("{}: {}: {}", event.object, event.reason, event.message);
  }
}

// What the replicas that keep failing printed: the reason is mostly there.
std::string words_of_the_failing(const Session& session, const Snapshot& snapshot) {
  for (const auto& pod : snapshot.replicas) {
    const bool restarted =
        std::any_of(pod.containers.begin(), pod.containers.end(),
                    [](const auto& container) { return container.restarts > 0; });
    if (pod.deleting || !restarted) continue;
    const auto words = last_words(session, pod.name, true);
    if (!words.empty()) return fmt::format("; it said: {}", words);
  }
  return "";
}

}  // namespace

std::string last_words(const Session& session, const std::string& pod, bool previous) {
  std::vector<std::string> arguments = {
      "logs", pod, "-n", session.namespace_name, "--tail=5", "--limit-bytes=2000"};
  if (previous) arguments.push_back("--previous");
  const auto answer = session.kubectl.uninterrupted().run({arguments, "", session.call_timeout()});
  return answer.ok() ? kube::one_line(answer.output) : "";
}

Result<Snapshot> await(const Session& session, Watch& watch, const std::string& step,
                       const std::function<Progress(const Snapshot&)>& judge,
                       const std::function<void(const Snapshot&)>& on_look) {
  const auto deadline = session.clock.steady() + session.step_timeout;
  std::string waits_for = "an answer of the cluster";
  std::string said;
  for (auto next = session.clock.steady();;) {
    auto look = watch.look();
    if (!look) return tl::unexpected(look.error());
    if (*look) {
      if (on_look) {
        on_look(**look);
      } else {
        warn_of(session, **look);
      }
      const auto progress = judge(**look);
      if (progress.state == Progress::State::kDone) return std::move(**look);
      if (progress.state == Progress::State::kFailed) {
        return environment_error("{}: {}{}", step, progress.message,
                                 words_of_the_failing(session, **look));
      }
      waits_for = progress.message;
      if (waits_for != said) session.log.info("{}: waiting: {}", step, waits_for);
      said = waits_for;
    } else {
      waits_for = kLost;
    }
    if (session.clock.steady() >= deadline) {
      return environment_error("{}: not done within {:.0f} s (--step-timeout): {}", step,
                               to_seconds(session.step_timeout), waits_for);
    }
    if (session.wait_for_next(next)) return interrupted_error();
  }
}

}  // namespace iris::scale::cluster
