// What `pull`, `push` and `doctor` share: the outputs that targets stand for.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "dataset/dvc.hpp"

namespace iris::cli {

// The outputs that the targets stand for, relative to the current folder, each once; all outputs
// when there is no target. What is left alone is told to the log, and is an error (kGate) when a
// target names it.
Result<std::vector<dataset::DvcOut>> chosen_outs(const dataset::DvcRepository& repository,
                                                 const std::vector<std::string>& targets, Log& log);

// The path as a table shows it: a directory ends with a slash.
std::string shown_path(const dataset::DvcOut& out);
// Of the longest shown path.
std::size_t path_width(const std::vector<dataset::DvcOut>& outs);

}  // namespace iris::cli
