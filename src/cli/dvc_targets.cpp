#include "cli/dvc_targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace iris::cli {

using dataset::DvcOut;

namespace {

// True when all that `part` stands for is in `whole`.
bool covers(const DvcOut& whole, const DvcOut& part) {
  return whole.path == part.path && whole.wants(part.within);
}

void add(std::vector<DvcOut>& chosen, DvcOut out) {
  const bool known = std::any_of(chosen.begin(), chosen.end(),
                                 [&](const DvcOut& other) { return covers(other, out); });
  if (known) return;
  std::erase_if(chosen, [&](const DvcOut& other) { return covers(out, other); });
  chosen.push_back(std::move(out));
}

}  // namespace

Result<ChosenOuts> chosen_outs(const dataset::DvcRepository& repository,
                               const std::vector<std::string>& targets, Log& log) {
  dataset::DvcNames names = dataset::read_dvc_outs(repository);
  const bool asked_by_name = !targets.empty();
  dataset::DvcSelection asked{std::move(names.outs), names.faults};
  if (asked_by_name) {
    names.outs = std::move(asked.outs);
    asked = {};
    for (const auto& target : targets) {
      auto selected = dataset::select_dvc_outs(repository, names, ".", target);
      if (!selected) return tl::unexpected(selected.error());
      for (DvcOut& out : selected->outs) add(asked.outs, std::move(out));
      for (auto& fault : selected->faults) asked.faults.push_back(std::move(fault));
    }
  }
  ChosenOuts chosen;
  std::set<std::string> said;
  const auto count = [&](const std::string& message, ExitCode code) {
    if (!said.insert(message).second) return;
    log.error("{}", message);
    chosen.worst = std::max(chosen.worst, code);
  };
  for (const auto& fault : asked.faults) count(fault.error.message, fault.error.code);
  for (DvcOut& out : asked.outs) {
    if (out.skipped.empty()) {
      chosen.outs.push_back(std::move(out));
    } else if (asked_by_name) {
      count(fmt::format("{}, which {} names: {}", out.path, out.named_by, out.skipped),
            ExitCode::kGate);
    } else {
      log.warn("{}, which {} names, is left alone: {}", out.path, out.named_by, out.skipped);
    }
  }
  for (const auto& fault : names.faults) {
    if (said.insert(fault.error.message).second) log.warn("{}", fault.error.message);
  }
  return chosen;
}

void add_allowed_endpoints(CLI::App& app, std::vector<std::string>& hosts) {
  app.add_option("--allow-endpoint", hosts,
                 "A host that may see the token or the password (repeatable)")
      ->allow_extra_args(false);
}

std::string shown_path(const DvcOut& out) {
  if (!out.within.empty()) return out.path + "/" + out.within;
  return out.directory ? out.path + "/" : out.path;
}

std::size_t path_width(const std::vector<DvcOut>& outs) {
  std::size_t width = 0;
  for (const DvcOut& out : outs) width = std::max(width, shown_path(out).size());
  return width;
}

}  // namespace iris::cli
