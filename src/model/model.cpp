#include "model/model.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>

#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace iris::model {
namespace {

Result<void> check_names(const std::vector<std::string>& names, std::size_t least, std::size_t most,
                         const char* what) {
  if (names.size() < least || names.size() > most) {
    return input_error("model: {} {} names, expected {} to {}", names.size(), what, least, most);
  }
  std::unordered_set<std::string_view> seen;
  for (const auto& name : names) {
    if (name.empty()) return input_error("model: empty {} name", what);
    if (name.size() > limits::kCellBytes) {
      return input_error("model: a {} name of {} bytes, expected at most {}", what, name.size(),
                         limits::kCellBytes);
    }
    // Answers repeat names in JSON, which is UTF-8.
    if (!is_utf8(name)) {
      return input_error("model: the name of {} {} is not UTF-8, expected UTF-8", what,
                         seen.size() + 1);
    }
    if (!seen.insert(name).second) return input_error("model: {} '{}' twice", what, name);
  }
  return {};
}

Result<void> check_numbers(const std::vector<float>& numbers, std::size_t count, const char* what) {
  if (numbers.size() != count) {
    return input_error("model: {} {}, expected {}", numbers.size(), what, count);
  }
  const auto is_finite = [](float number) { return std::isfinite(number); };
  if (!std::all_of(numbers.begin(), numbers.end(), is_finite)) {
    return input_error("model: {} with a number that is not finite", what);
  }
  return {};
}

// The logistic link is a probability only for opposite scores: p_0 + p_1 = 1.
Result<void> check_link(const Model& model) {
  const auto& [coefficients, intercepts, link] = model.classifier;
  if (link == Link::kSoftmax) return {};
  if (model.classes() != 2) {
    return input_error("model: logistic link with {} classes, expected 2", model.classes());
  }
  bool opposite = intercepts[0] == -intercepts[1];
  for (std::size_t f = 0; f < model.features(); ++f) {
    opposite = opposite && coefficients[f] == -coefficients[model.features() + f];
  }
  if (!opposite) {
    return input_error("model: logistic link with two scores that are not each other's negative");
  }
  return {};
}

Result<void> check_golden_row(const Model& model, const GoldenRow& golden) {
  const auto& labels = model.signature.class_labels;
  if (std::find(labels.begin(), labels.end(), golden.label) == labels.end()) {
    return input_error("model: golden row with the label '{}', which is not a class", golden.label);
  }
  if (auto ok = check_numbers(golden.row, model.features(), "golden row values"); !ok) return ok;
  return check_numbers(golden.probabilities, model.classes(), "golden row probabilities");
}

}  // namespace

Result<void> validate(const Model& model) {
  const auto& signature = model.signature;
  const auto& features = signature.feature_names;
  const auto& labels = signature.class_labels;
  if (auto ok = check_names(features, 1, limits::kTableColumns, "feature"); !ok) return ok;
  if (auto ok = check_names(labels, 2, limits::kClasses, "class"); !ok) return ok;
  const std::vector<std::string> outputs = {signature.label_name, signature.probabilities_name};
  if (auto ok = check_names({signature.input_name}, 1, 1, "input"); !ok) return ok;
  if (auto ok = check_names(outputs, 2, 2, "output"); !ok) return ok;
  const auto& classifier = model.classifier;
  const std::size_t weights = model.features() * model.classes();
  if (auto ok = check_numbers(classifier.coefficients, weights, "coefficients"); !ok) return ok;
  if (auto ok = check_numbers(classifier.intercepts, model.classes(), "intercepts"); !ok) return ok;
  if (auto ok = check_link(model); !ok) return ok;
  for (const auto& golden : model.golden_rows) {
    if (auto ok = check_golden_row(model, golden); !ok) return ok;
  }
  return {};
}

}  // namespace iris::model
