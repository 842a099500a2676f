#include "cli/held_out.hpp"

#include <optional>
#include <utility>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "dataset/csv.hpp"

namespace iris::cli {

namespace {

Result<std::optional<char>> to_separator(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto separator = dataset::parse_separator(text);
  if (!separator) return tl::unexpected(separator.error());
  return *separator;
}

}  // namespace

Result<dataset::Table> read_table(const std::string& path, const std::string& separator) {
  const auto known = to_separator(separator);
  if (!known) return tl::unexpected(known.error());
  return dataset::read_csv(path, *known);
}

Result<Data> read_data(const std::string& path, const std::string& separator) {
  const auto known = to_separator(separator);
  if (!known) return tl::unexpected(known.error());
  auto bytes = read_file(path, limits::kFileBytes, InputKind::kFileOrPipe);
  if (!bytes) return tl::unexpected(bytes.error());
  std::string version = md5_hex(*bytes);
  auto table = dataset::parse_csv(std::move(*bytes), path, *known);
  if (!table) return tl::unexpected(table.error());
  return Data{std::move(*table), std::move(version)};
}

Result<dataset::Split> split_rows(const std::vector<std::uint32_t>& labels,
                                  const train::Params::Split& params) {
  return params.stratify
             ? dataset::stratified_split(labels, params.test_fraction, params.seed)
             : dataset::train_test_split(labels.size(), params.test_fraction, params.seed);
}

Answers predict_rows(const engine::Engine& engine, const std::vector<double>& features,
                     const std::vector<std::size_t>& rows) {
  std::vector<float> values;
  values.reserve(rows.size() * engine.features());
  for (const auto row : rows) {
    for (std::size_t f = 0; f < engine.features(); ++f) {
      values.push_back(static_cast<float>(features[row * engine.features() + f]));
    }
  }
  Answers answers;
  answers.labels.resize(rows.size());
  answers.probabilities.resize(rows.size() * engine.classes());
  engine.predict(values, answers.probabilities, answers.labels);
  return answers;
}

train::Metrics measure_rows(const engine::Engine& engine, const std::vector<double>& features,
                            const std::vector<std::uint32_t>& labels,
                            const std::vector<std::size_t>& rows) {
  const Answers answers = predict_rows(engine, features, rows);
  std::vector<std::uint32_t> truth;
  truth.reserve(rows.size());
  for (const auto row : rows) truth.push_back(labels[row]);
  std::vector<std::string> names;
  for (std::uint32_t c = 0; c < engine.classes(); ++c) names.emplace_back(engine.label(c));
  return train::measure(truth, answers.labels, answers.probabilities, names);
}

}  // namespace iris::cli
