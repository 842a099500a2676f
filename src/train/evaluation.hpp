// The gates that a model passes before it is served, and their report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/metrics.hpp"
#include "train/paired.hpp"
#include "train/params.hpp"

namespace iris::train {

// kUndecided: the sample is too small to say yes or no.
enum class Verdict { kPassed, kFailed, kUndecided, kSkipped };

struct Gate {
  std::string name;
  Verdict verdict = Verdict::kSkipped;
  std::string found;  // of a skipped gate: why
  std::string expected;
};

// What evaluation has seen; what could not be seen is absent.
struct Findings {
  std::string model_path;
  std::string data_path;
  bool model_exists = false;
  // The complaint of the golden rows' check; absent when they hold.
  std::optional<std::string> golden_rows_error;
  std::size_t golden_rows = 0;

  std::size_t rows = 0;         // of the data
  std::size_t predictions = 0;  // rows answered with a class and probabilities whose sum is 1
  std::size_t missing_values = 0;
  std::string first_missing;              // its place
  std::vector<std::string> data_labels;   // distinct
  std::vector<std::string> model_labels;  // its classes

  std::optional<Metrics> held_out;  // on the test rows
  // Why held_out is absent.
  std::string not_measured;
  std::string data_version;        // of the data
  std::string model_data_version;  // of what the model was trained on, when it says so
  std::string program_version;

  std::string baseline_path;
  std::optional<TrainingRecord> baseline;
  // Of a baseline that is a model: both models' answers to the held-out rows that it was not
  // trained on. Absent for a metrics.json, whose rows are not known.
  std::optional<Pairs> pairs;
  // Nothing says which rows the baseline was trained on; some of the pairs' may be among them.
  bool baseline_rows_unknown = false;
  // Why a baseline that is a model could not answer these rows.
  std::string not_compared;
};

struct Evaluation {
  Findings findings;
  std::vector<Gate> gates;
  double max_accuracy_drop = 0;  // of the gates
  // No gate failed, was skipped for want of figures, or is undecided where that is to fail.
  bool passed = false;
};

// Applies the gates: the model exists and gives its golden rows' answers, one prediction per row,
// no missing values, allowed labels, accuracy, and its drop from the baseline.
Evaluation apply_gates(Findings findings, const Params::Evaluate& params);

// For a terminal: the gates and the figures.
std::string to_text(const Evaluation& evaluation);
// For a comment on a pull request.
std::string to_markdown(const Evaluation& evaluation);
// One line of JSON with a line feed at its end.
std::string to_json(const Evaluation& evaluation);

}  // namespace iris::train
