#include "scale/outcome.hpp"

#include <algorithm>

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

bool RunSummary::passed() const {
  return !interrupted && std::all_of(scenarios.begin(), scenarios.end(),
                                     [](const auto& scenario) { return scenario.passed(); });
}

const char* RunSummary::status() const {
  if (interrupted) return "interrupted";
  return passed() ? "ok" : "failed";
}

}  // namespace iris::scale
