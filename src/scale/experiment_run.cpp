#include "scale/experiment_run.hpp"

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/subprocess.hpp"
#include "scale/record_fields.hpp"

namespace iris::scale {
namespace {

// Of the checkout that the run starts in; none outside of one.
std::optional<std::string> commit() {
  const auto ran = run_program({"git", "rev-parse", "--short", "HEAD"}, std::chrono::seconds(5));
  if (!ran || !ran->status.ok()) return std::nullopt;
  return ran->output.substr(0, ran->output.find('\n'));
}

std::string now_text(const Clock& clock) {
  return to_rfc3339(std::chrono::floor<std::chrono::seconds>(clock.wall()));
}

}  // namespace

Result<std::vector<const Scenario*>> choose_scenarios(const Experiment& experiment,
                                                      const std::string& only) {
  std::vector<const Scenario*> chosen;
  std::string names;
  for (const auto& scenario : experiment.scenarios) {
    if (only.empty() || scenario.name == only) chosen.push_back(&scenario);
    names += (names.empty() ? "" : ", ") + scenario.name;
  }
  if (chosen.empty()) {
    return input_error("--only: '{}' is no scenario; they are {}", only, names);
  }
  return chosen;
}

Record run_fields(const Experiment& experiment, const std::vector<std::string>& manifests,
                  const std::string& version, const Clock& clock) {
  Record list = Record::array();
  for (const auto& path : manifests) {
    const auto text = read_file(path, limits::kConfigBytes);
    list.push_back({{"path", path}, {"sha256", text ? Record(sha256_hex(*text)) : Record()}});
  }
  return {{"experiment", experiment.name},
          {"title", experiment.title},
          {"started", now_text(clock)},
          {"program", {{"version", version}, {"commit", or_null(commit())}}},
          {"manifests", list}};
}

Record run_end_fields(const char* status, const Clock& clock) {
  return {{"finished", now_text(clock)}, {"status", status}};
}

}  // namespace iris::scale
