// What a model is compared with: an older model, which answers the same rows, or the figures that
// its training left.
#pragma once

#include <string>

#include "cli/held_out.hpp"
#include "dataset/examples.hpp"
#include "train/evaluation.hpp"

namespace iris::cli {

// A model's answers to the rows held out, and what they should be.
struct HeldOut {
  const Data& data;
  const dataset::Examples& examples;
  std::vector<std::size_t> rows;
  std::vector<bool> correct;  // [rows], of the new model
};

// Reads `path`, JSON or a model, into findings.baseline and, for a model, findings.pairs.
// `held_out` is null when the new model could not be measured.
Result<void> read_baseline(const std::string& path, const HeldOut* held_out,
                           train::Findings& findings);

// Whether each row is answered with its class's name. A class that the model lacks is never right.
std::vector<bool> correct_rows(const engine::Engine& engine, const std::vector<double>& features,
                               const dataset::Examples& examples,
                               const std::vector<std::size_t>& rows);

}  // namespace iris::cli
