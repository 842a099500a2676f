// What train and evaluate share: the data, its split, and the engine's answers on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "dataset/examples.hpp"
#include "dataset/split.hpp"
#include "dataset/table.hpp"
#include "engine/engine.hpp"
#include "train/metrics.hpp"
#include "train/params.hpp"

namespace iris::cli {

struct Data {
  dataset::Table table;
  std::string version;  // MD5 of the file's bytes, as DVC has it
};

// `separator` is that of --separator; empty when it was not given.
Result<Data> read_data(const std::string& path, const std::string& separator);

// The table of a file, its separator as above.
Result<dataset::Table> read_table(const std::string& path, const std::string& separator);

inline constexpr const char* kSeparatorHelp =
    "Between cells: ',', ';', '|' or tab [found in the header]";

// The split that params.yaml asks for.
Result<dataset::Split> split_rows(const std::vector<std::uint32_t>& labels,
                                  const train::Params::Split& params);

struct Answers {
  std::vector<std::uint32_t> labels;  // [rows]
  std::vector<float> probabilities;   // row-major [rows × classes]
};

// The given rows of a row-major matrix [any × engine.features()].
Answers predict_rows(const engine::Engine& engine, const std::vector<double>& features,
                     const std::vector<std::size_t>& rows);

// `labels[i]` is the class of the matrix' row i.
train::Metrics measure_rows(const engine::Engine& engine, const std::vector<double>& features,
                            const std::vector<std::uint32_t>& labels,
                            const std::vector<std::size_t>& rows);

}  // namespace iris::cli
