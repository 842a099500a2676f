#include "cli/baseline.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "engine/engine.hpp"
#include "format/onnx.hpp"

namespace iris::cli {
namespace {

// The rows of this data that a model was trained on, from what training wrote into it; nothing when
// the model was trained on other data, or does not say.
std::optional<std::vector<std::size_t>> rows_trained_on(const model::Model& model,
                                                        const HeldOut& held_out) {
  const auto version = model.metadata.find("iris.data_md5");
  const auto parameters = model.metadata.find("iris.parameters");
  if (version == model.metadata.end() || parameters == model.metadata.end()) return std::nullopt;
  if (version->second != held_out.data.version) return std::nullopt;
  const auto params = train::parse_params(parameters->second, "iris.parameters");
  if (!params) return std::nullopt;
  auto split = split_rows(held_out.examples.labels, params->split);
  if (!split) return std::nullopt;
  return std::move(split->train);
}

Result<void> compare_with_model(const std::string& path, const HeldOut* held_out,
                                train::Findings& findings) {
  const auto model = format::load_model(path);
  if (!model) return input_error("--baseline: {}", model.error().message);
  const auto engine = engine::Engine::compile(*model);
  if (!engine) return input_error("--baseline: {}: {}", path, engine.error().message);
  if (held_out == nullptr) {
    findings.not_compared = "the new model could not be measured";
    return {};
  }
  const auto columns = dataset::find_columns(held_out->data.table, model->signature.feature_names);
  if (!columns) {
    findings.not_compared = "the baseline reads other columns: " + columns.error().message;
    return {};
  }
  const auto features = dataset::numeric_matrix(held_out->data.table, *columns);
  if (!features) return tl::unexpected(features.error());

  auto trained_on = rows_trained_on(*model, *held_out);
  findings.baseline_rows_unknown = !trained_on;
  std::vector<bool> known(held_out->examples.rows());
  for (const auto row : trained_on.value_or(std::vector<std::size_t>{})) known[row] = true;

  const auto before = correct_rows(*engine, *features, held_out->examples, held_out->rows);
  train::Pairs pairs;
  std::size_t correct = 0;
  for (std::size_t i = 0; i < held_out->rows.size(); ++i) {
    if (known[held_out->rows[i]]) continue;
    ++pairs.rows;
    if (before[i]) ++correct;
    if (before[i] && !held_out->correct[i]) ++pairs.lost;
    if (!before[i] && held_out->correct[i]) ++pairs.gained;
  }
  findings.pairs = pairs;
  findings.baseline = train::TrainingRecord{};
  findings.baseline->test_rows = pairs.rows;
  if (pairs.rows > 0) {
    findings.baseline->metrics.accuracy =
        static_cast<double>(correct) / static_cast<double>(pairs.rows);
  }
  return {};
}

}  // namespace

Result<void> read_baseline(const std::string& path, const HeldOut* held_out,
                           train::Findings& findings) {
  const auto bytes = read_file(path, limits::kModelBytes);
  if (!bytes) return input_error("--baseline: {}", bytes.error().message);
  const auto first = bytes->find_first_not_of(" \t\r\n");
  if (first == std::string::npos || (*bytes)[first] != '{') {
    return compare_with_model(path, held_out, findings);
  }
  if (bytes->size() > limits::kConfigBytes) {
    return input_error("--baseline: {}: found {} bytes of JSON, expected at most {}", path,
                       bytes->size(), limits::kConfigBytes);
  }
  auto record = train::parse_training_record(*bytes, path);
  if (!record) return tl::unexpected(record.error());
  findings.baseline = std::move(*record);
  return {};
}

std::vector<bool> correct_rows(const engine::Engine& engine, const std::vector<double>& features,
                               const dataset::Examples& examples,
                               const std::vector<std::size_t>& rows) {
  const Answers answers = predict_rows(engine, features, rows);
  std::vector<bool> correct;
  correct.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    correct.push_back(engine.label(answers.labels[i]) ==
                      examples.classes[examples.labels[rows[i]]]);
  }
  return correct;
}

}  // namespace iris::cli
