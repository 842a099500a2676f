// What `iris train` and `iris evaluate` are told: params.yaml, which DVC tracks too.
//
//   data:
//     path: data/data.csv
//     target: species         # the class; the last column when left out
//   split:
//     test_fraction: 0.3
//     seed: 42
//     stratify: false
//   model:
//     C: 1.0                  # inverse of the penalty, as in scikit-learn
//     max_iterations: 1000
//   evaluate:
//     min_accuracy: 0.9       # on the held-out rows
//     max_accuracy_drop: 0.02 # below the baseline's
//     undecided: pass         # or fail: what a sample means that is too small to tell
//     labels: [setosa, versicolor, virginica]  # allowed; the model's classes when left out
//     baseline: old.onnx      # or a metrics.json; compared with when it exists
//
// Every key may be left out, what stands below a key too, and the file may be empty; a key that is
// not in this list is an error with its line and column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace iris::train {

struct Params {
  struct Data {
    std::string path = "data/data.csv";
    std::string target;
  } data;
  struct Split {
    double test_fraction = 0.3;
    std::uint32_t seed = 42;
    bool stratify = false;
  } split;
  struct Model {
    double inverse_regularization = 1;
    std::size_t max_iterations = 1000;
  } model;
  struct Evaluate {
    double min_accuracy = 0.9;
    double max_accuracy_drop = 0.02;
    bool undecided_fails = false;
    std::vector<std::string> labels;
    std::string baseline;
  } evaluate;
};

// A file that is not there is an error, unless nobody asked for it: then it means the defaults.
Result<Params> read_params(const std::string& path, bool may_be_absent = false);
Result<Params> parse_params(const std::string& text, const std::string& name);

// Split and model, as the model's metadata keeps them (JSON, one line).
std::string to_json(const Params& params);

}  // namespace iris::train
