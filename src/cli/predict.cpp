// iris predict: adds a model's answers to the rows of a CSV file.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "base/file.hpp"
#include "cli/arguments.hpp"
#include "cli/commands.hpp"
#include "cli/held_out.hpp"
#include "cli/overwriting.hpp"
#include "dataset/csv.hpp"
#include "dataset/examples.hpp"
#include "engine/engine.hpp"
#include "format/onnx.hpp"

namespace iris::cli {
namespace {

struct PredictOptions {
  std::string model;
  std::string input;
  std::string output;
  std::vector<std::string> arguments;  // model and input, instead of their flags
  std::string separator;
};

constexpr const char* kPrediction = "prediction";

std::vector<std::string> added_columns(const engine::Engine& engine) {
  std::vector<std::string> names = {kPrediction};
  for (std::uint32_t c = 0; c < engine.classes(); ++c) {
    names.push_back(fmt::format("probability_{}", engine.label(c)));
  }
  return names;
}

// Extra columns, a known class among them, go through unread.
void name_unread(const dataset::Table& table, const std::vector<std::size_t>& used, Log& log) {
  std::string unread;
  for (std::size_t column = 0; column < table.columns(); ++column) {
    if (std::find(used.begin(), used.end(), column) != used.end()) continue;
    unread.append(unread.empty() ? "" : ", ").append(table.column_names()[column]);
  }
  if (!unread.empty()) log.info("columns that the model does not read: {}", unread);
}

std::string to_csv(const dataset::Table& table, const engine::Engine& engine,
                   const std::vector<float>& values) {
  const auto added = added_columns(engine);
  std::vector<std::string_view> line(table.column_names().begin(), table.column_names().end());
  line.insert(line.end(), added.begin(), added.end());
  std::string out = dataset::to_csv_line(line, table.separator());
  std::vector<float> probabilities(engine.classes());
  std::vector<std::string> numbers(engine.classes());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::uint32_t label = 0;
    engine.predict({&values[row * engine.features()], engine.features()}, probabilities,
                   {&label, 1});
    line.clear();
    for (std::size_t column = 0; column < table.columns(); ++column) {
      line.push_back(table.cell(row, column));
    }
    line.push_back(engine.label(label));
    for (std::size_t c = 0; c < numbers.size(); ++c) {
      numbers[c] = fmt::format("{}", probabilities[c]);
      line.push_back(numbers[c]);
    }
    out += dataset::to_csv_line(line, table.separator());
  }
  return out;
}

Result<ExitCode> run_predict(const PredictOptions& options, Context& context) {
  if (options.model.empty()) return input_error("found no model, expected --model FILE");
  if (options.input.empty()) return input_error("found no table, expected --input FILE");
  if (auto ok = refuse_overwriting({{"--output", options.output}},
                                   {{"--model", options.model}, {"--input", options.input}});
      !ok) {
    return tl::unexpected(ok.error());
  }
  const auto model = format::load_model(options.model);
  if (!model) return tl::unexpected(model.error());
  const auto engine = engine::Engine::compile(*model);
  if (!engine) return tl::unexpected(engine.error());
  if (auto ok = engine::verify_golden_rows(*engine, *model); !ok) return tl::unexpected(ok.error());
  const auto table = read_table(options.input, options.separator);
  if (!table) return tl::unexpected(table.error());
  for (const auto& name : added_columns(*engine)) {
    if (!table->find_column(name)) continue;
    return input_error("{}: found a column '{}', which the prediction would be; rename it",
                       options.input, name);
  }
  const auto columns = dataset::find_columns(*table, model->signature.feature_names);
  if (!columns) return tl::unexpected(columns.error());
  name_unread(*table, *columns, context.log);
  const auto matrix = dataset::numeric_matrix(*table, *columns);
  if (!matrix) return tl::unexpected(matrix.error());
  std::vector<float> values;
  values.reserve(matrix->size());
  for (const double value : *matrix) values.push_back(static_cast<float>(value));

  const std::string csv = to_csv(*table, *engine, values);
  if (!options.output.empty()) {
    if (auto ok = write_file(options.output, csv); !ok) return tl::unexpected(ok.error());
    context.log.info("{} rows to {}", table->rows(), options.output);
  } else if (std::fwrite(csv.data(), 1, csv.size(), stdout) != csv.size()) {
    return environment_error("standard output: write failed");
  }
  return ExitCode::kDone;
}

}  // namespace

Command predict_command() {
  return {"predict", "Add a model's predictions and probabilities to the rows of a CSV file",
          "iris predict --model models/model.onnx --input rows.csv --output answers.csv",
          [](CLI::App& app) -> Action {
            auto options = std::make_shared<PredictOptions>();
            app.add_option("FILE", options->arguments,
                           "The model, *.onnx, and the table, instead of --model and --input")
                ->expected(0, 2);
            const auto* model = app.add_option("--model", options->model, "ONNX file");
            const auto* input =
                app.add_option("--input", options->input,
                               "CSV file whose header names the model's features, in any order");
            app.add_option("--separator", options->separator, kSeparatorHelp);
            app.add_option("--output", options->output, "CSV file to write [standard output]");
            return [options, model, input](Context& context) -> Result<ExitCode> {
              if (auto ok = take_arguments(options->arguments, *model, options->model, *input,
                                           options->input);
                  !ok) {
                return tl::unexpected(ok.error());
              }
              return run_predict(*options, context);
            };
          }};
}

}  // namespace iris::cli
