// How good predictions are, by scikit-learn's definitions (sklearn/metrics/_classification.py): a
// figure whose denominator is 0 is 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace iris::train {

struct ClassMetrics {
  std::string label;
  double precision = 0;
  double recall = 0;
  double f1 = 0;
  std::size_t support = 0;  // rows of this class
};

struct Interval {
  double low = 0;
  double high = 0;
};

struct Metrics {
  std::size_t rows = 0;
  std::size_t correct = 0;
  double accuracy = 0;
  Interval accuracy_interval;  // Wilson's, 95 %
  double log_loss = 0;         // natural logarithm
  double macro_precision = 0;
  double macro_recall = 0;
  double macro_f1 = 0;
  std::vector<ClassMetrics> classes;
  std::vector<std::vector<std::size_t>> confusion;  // [truth][prediction]
};

// `truth` and `predicted` hold [rows] indices of `labels`, `probabilities` is row-major
// [rows × labels]. At least one row.
Metrics measure(std::span<const std::uint32_t> truth, std::span<const std::uint32_t> predicted,
                std::span<const float> probabilities, const std::vector<std::string>& labels);

// Wilson's score interval for `successes` of `trials` (Wilson 1927), at 95 %.
Interval wilson_interval(std::size_t successes, std::size_t trials);
// The same for a share of the trials and `z` standard deviations to each side.
Interval wilson_interval(double share, std::size_t trials, double z);

// metrics.json: the figures of a training run, as `iris train` writes and a baseline is read.
struct TrainingRecord {
  std::string data_version;  // the data's MD5, as data.csv.dvc has it
  std::string program_version;
  std::size_t train_rows = 0;
  std::size_t test_rows = 0;
  bool converged = false;
  Metrics metrics;  // on the test rows
};

// Indented JSON with a line feed at its end; the same record gives the same text.
std::string to_json(const TrainingRecord& record);
// `name` is the place that messages show. Reads the figures that a baseline needs: accuracy, the
// test rows' number and the classes; others may be missing.
Result<TrainingRecord> parse_training_record(const std::string& text, const std::string& name);

}  // namespace iris::train
