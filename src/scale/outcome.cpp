#include "scale/outcome.hpp"

#include <algorithm>
#include <cmath>

namespace iris::scale {

const char* to_string(ScenarioStatus status) {
  switch (status) {
    case ScenarioStatus::kOk:
      return "ok";
    case ScenarioStatus::kFailed:
      return "failed";
    case ScenarioStatus::kInterrupted:
      break;
  }
  return "interrupted";
}

std::optional<LittlesLaw> littles_law(const load::WrkReport& load, const load::ProbeCounts& probe,
                                      std::int64_t connections) {
  if (connections <= 0 || load.duration_s <= 0 || load.requests <= load.non_2xx)
    return std::nullopt;
  if (probe.service_us.count() == 0) return std::nullopt;
  const double good_per_s = static_cast<double>(load.requests - load.non_2xx) / load.duration_s;
  LittlesLaw law{good_per_s * probe.service_us.harmonic_mean() / 1e6, connections, true};
  law.holds = law.in_flight <= static_cast<double>(connections) * (1 + kLittlesTolerance);
  return law;
}

std::uint64_t samples_for(double quantile) {
  return static_cast<std::uint64_t>(std::ceil(std::log(0.01) / std::log(quantile)));
}

std::optional<std::uint64_t> ScenarioOutcome::latency_us(double quantile) const {
  if (!probe || probe->latency_us.count() < samples_for(quantile)) return std::nullopt;
  if (littles_law && !littles_law->holds) return std::nullopt;
  return probe->latency_us.quantile(quantile);
}

bool RunSummary::passed() const {
  return !interrupted && std::all_of(scenarios.begin(), scenarios.end(),
                                     [](const auto& scenario) { return scenario.passed(); });
}

const char* RunSummary::status() const {
  if (interrupted) return "interrupted";
  return passed() ? "ok" : "failed";
}

}  // namespace iris::scale
