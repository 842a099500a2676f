#include "cli/dvc_targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace iris::cli {

using dataset::DvcOut;

Result<std::vector<DvcOut>> chosen_outs(const dataset::DvcRepository& repository,
                                        const std::vector<std::string>& targets, Log& log) {
  auto outs = dataset::read_dvc_outs(repository);
  if (!outs) return outs;
  std::vector<DvcOut> chosen;
  for (const auto& target : targets) {
    auto selected = dataset::select_dvc_outs(repository, *outs, ".", target);
    if (!selected) return tl::unexpected(selected.error());
    for (auto& out : *selected) {
      if (!out.skipped.empty()) {
        return tl::unexpected(Error{ExitCode::kGate, fmt::format("{}, which {} names: {}", out.path,
                                                                 out.named_by, out.skipped)});
      }
      const bool known = std::any_of(chosen.begin(), chosen.end(),
                                     [&](const DvcOut& other) { return other.path == out.path; });
      if (!known) chosen.push_back(std::move(out));
    }
  }
  if (!targets.empty()) return chosen;
  for (const DvcOut& out : *outs) {
    if (out.skipped.empty()) continue;
    log.warn("{}, which {} names, is left alone: {}", out.path, out.named_by, out.skipped);
  }
  std::erase_if(*outs, [](const DvcOut& out) { return !out.skipped.empty(); });
  return outs;
}

std::string shown_path(const DvcOut& out) {
  return out.directory ? out.path + "/" : out.path;
}

std::size_t path_width(const std::vector<DvcOut>& outs) {
  std::size_t width = 0;
  for (const DvcOut& out : outs) width = std::max(width, shown_path(out).size());
  return width;
}

}  // namespace iris::cli
