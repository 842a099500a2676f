// The one in-memory model. Readers of file formats build it (format/), the engine compiles it
// (engine/); neither knows the other.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace iris::model {

// What goes in and what comes out.
struct Signature {
  std::vector<std::string> feature_names;  // the order of a row's numbers
  std::vector<std::string> class_labels;   // the order of a row's probabilities
  // What the model's file calls the rows and the two answers.
  std::string input_name = "input";
  std::string label_name = "label";
  std::string probabilities_name = "probabilities";
};

// How scores become probabilities (the names of ONNX's post_transform).
enum class Link {
  kSoftmax,   // exp(s_c) / Σ exp(s_k)
  kLogistic,  // two classes, scores −s and s: 1 / (1 + exp(−s_c))
};

// score_c = intercepts[c] + Σ_f coefficients[c · features + f] · x_f. The label is the class with
// the highest score, the first of equals.
struct LinearClassifier {
  std::vector<float> coefficients;  // row-major [classes × features]
  std::vector<float> intercepts;    // [classes]
  Link link = Link::kSoftmax;
};

// A row whose answer was known when the model was made: a loaded model that answers differently is
// not the model that was trained.
struct GoldenRow {
  std::vector<float> row;  // [features]
  std::string label;
  std::vector<float> probabilities;  // [classes]
};

struct Model {
  Signature signature;
  LinearClassifier classifier;
  std::vector<GoldenRow> golden_rows;
  std::map<std::string, std::string> metadata;  // data digest, parameters, metrics, program version

  std::size_t features() const { return signature.feature_names.size(); }
  std::size_t classes() const { return signature.class_labels.size(); }
};

// Sizes agree, names are unique, UTF-8 and not empty, numbers are finite, and the bounds of
// base/limits hold. Every reader ends with this.
Result<void> validate(const Model& model);

}  // namespace iris::model
