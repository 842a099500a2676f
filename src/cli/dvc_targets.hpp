// What `pull`, `push` and `doctor` share: the outputs that targets stand for, and a flag.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "dataset/dvc.hpp"

namespace iris::cli {

struct ChosenOuts {
  std::vector<dataset::DvcOut> outs{};
  ExitCode worst = ExitCode::kDone;  // of what was asked for and is left alone
};

// The outputs that the targets stand for, relative to the current folder, each once; all outputs
// when there is no target. What is left alone is told to the log. An output that is left alone
// counts as a fault when a target stands for it; a file that cannot be read also when there is no
// target, because it may have named anything.
Result<ChosenOuts> chosen_outs(const dataset::DvcRepository& repository,
                               const std::vector<std::string>& targets, Log& log);

// --allow-endpoint: one host each time, so that a target behind it stays one.
void add_allowed_endpoints(CLI::App& app, std::vector<std::string>& hosts);

// The path as a table shows it: a directory, unless a part of it is meant, ends with a slash.
std::string shown_path(const dataset::DvcOut& out);
// Of the longest shown path.
std::size_t path_width(const std::vector<dataset::DvcOut>& outs);

}  // namespace iris::cli
