// iris evaluate: the gates that a model must pass before it is served.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "base/file.hpp"
#include "cli/arguments.hpp"
#include "cli/baseline.hpp"
#include "cli/commands.hpp"
#include "cli/held_out.hpp"
#include "cli/overwriting.hpp"
#include "dataset/number.hpp"
#include "engine/engine.hpp"
#include "format/onnx.hpp"
#include "train/evaluation.hpp"

namespace iris::cli {
namespace {

struct EvaluateOptions {
  std::string params = "params.yaml";
  bool params_given = false;
  std::string data;
  std::vector<std::string> arguments;  // model and table, instead of their flags
  std::string separator;
  std::string model = "models/model.onnx";
  std::string baseline;
  std::string report = "report.md";
  bool strict = false;
  bool json = false;
};

struct Loaded {
  model::Model model;
  engine::Engine engine;
};

// Nothing when there is no such file, which is a finding; any other failure is an error.
Result<std::optional<Loaded>> load(const std::string& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  auto model = format::load_model(path);
  if (!model) return tl::unexpected(model.error());
  auto engine = engine::Engine::compile(*model);
  if (!engine) return tl::unexpected(engine.error());
  return Loaded{std::move(*model), std::move(*engine)};
}

// A class may have a name that is a missing value elsewhere, such as "None".
void find_missing(const dataset::Table& table, std::size_t target, train::Findings& findings) {
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t column = 0; column < table.columns(); ++column) {
      const auto cell = table.cell(row, column);
      if (column == target ? !dataset::is_blank(cell) : !dataset::is_missing(cell)) continue;
      if (findings.missing_values++ == 0) findings.first_missing = table.where(row, column);
    }
  }
}

Result<std::size_t> find_target(const dataset::Table& table, const std::string& target) {
  if (target.empty()) return table.columns() - 1;
  const auto found = dataset::find_columns(table, {target});
  if (!found) return tl::unexpected(found.error());
  return found->front();
}

void find_labels(const dataset::Table& table, std::size_t column, train::Findings& findings) {
  std::vector<std::string> labels;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto label = table.cell(row, column);
    if (!dataset::is_blank(label)) labels.emplace_back(label);
  }
  findings.data_labels = dataset::sorted_classes(std::move(labels));
}

// For each class of the data, its index in the model; nothing when the model lacks one.
std::optional<std::vector<std::uint32_t>> map_labels(const dataset::Examples& examples,
                                                     const engine::Engine& engine) {
  std::vector<std::uint32_t> to_model;
  for (const auto& name : examples.classes) {
    std::uint32_t index = 0;
    while (index < engine.classes() && engine.label(index) != name) ++index;
    if (index == engine.classes()) return std::nullopt;
    to_model.push_back(index);
  }
  std::vector<std::uint32_t> labels;
  labels.reserve(examples.labels.size());
  for (const auto label : examples.labels) labels.push_back(to_model[label]);
  return labels;
}

// Rows that were answered with a class and with probabilities that sum to 1.
std::size_t count_predictions(const Answers& answers, const engine::Engine& engine) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < answers.labels.size(); ++i) {
    const auto begin =
        answers.probabilities.begin() + static_cast<std::ptrdiff_t>(i * engine.classes());
    const double sum =
        std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(engine.classes()), 0.0);
    if (answers.labels[i] < engine.classes() && std::abs(sum - 1) < 1e-4) ++count;
  }
  return count;
}

// What was measured on the rows held out.
struct Measured {
  dataset::Examples examples;
  std::vector<std::size_t> rows;
  std::vector<bool> correct;
};

// Fills findings.held_out and predictions; nothing when that cannot be, and not_measured says why.
Result<std::optional<Measured>> measure(const dataset::Table& table, const train::Params& params,
                                        const std::optional<Loaded>& loaded,
                                        train::Findings& findings) {
  if (!loaded) {
    findings.not_measured = "no model";
    return std::nullopt;
  }
  if (findings.missing_values != 0) {
    findings.not_measured = "missing values";
    return std::nullopt;
  }
  const auto& [model, engine] = *loaded;
  const auto columns = dataset::find_columns(table, model.signature.feature_names);
  if (!columns) return tl::unexpected(columns.error());
  const auto features = dataset::numeric_matrix(table, *columns);
  if (!features) return tl::unexpected(features.error());
  auto examples = dataset::to_examples(table, params.data.target);
  if (!examples) return tl::unexpected(examples.error());
  const auto labels = map_labels(*examples, engine);
  if (!labels) {
    findings.not_measured = "labels that the model does not have";
    return std::nullopt;
  }
  auto split = split_rows(examples->labels, params.split);
  if (!split) return tl::unexpected(split.error());

  std::vector<std::size_t> every_row(table.rows());
  std::iota(every_row.begin(), every_row.end(), std::size_t{0});
  findings.predictions = count_predictions(predict_rows(engine, *features, every_row), engine);
  findings.held_out = measure_rows(engine, *features, *labels, split->test);
  auto correct = correct_rows(engine, *features, *examples, split->test);
  return Measured{std::move(*examples), std::move(split->test), std::move(correct)};
}

// A baseline that was asked for must be there; one that params.yaml names may be missing.
Result<void> find_baseline(const EvaluateOptions& options, const train::Params& params,
                           const HeldOut* held_out, train::Findings& findings) {
  const bool demanded = !options.baseline.empty();
  findings.baseline_path = demanded ? options.baseline : params.evaluate.baseline;
  const auto& path = findings.baseline_path;
  if (path.empty() || (!demanded && !std::filesystem::exists(path))) return {};
  return read_baseline(path, held_out, findings);
}

Result<train::Findings> find(const EvaluateOptions& options, const train::Params& params) {
  train::Findings findings;
  findings.model_path = options.model;
  findings.data_path = options.data.empty() ? params.data.path : options.data;
  findings.program_version = IRIS_VERSION;
  const auto data = read_data(findings.data_path, options.separator);
  if (!data) return tl::unexpected(data.error());
  const auto loaded = load(options.model);
  if (!loaded) return tl::unexpected(loaded.error());

  findings.data_version = data->version;
  findings.rows = data->table.rows();
  if (*loaded) {
    const auto& model = (*loaded)->model;
    findings.model_exists = true;
    findings.model_labels = model.signature.class_labels;
    findings.golden_rows = model.golden_rows.size();
    const auto trained_on = model.metadata.find("iris.data_md5");
    if (trained_on != model.metadata.end()) findings.model_data_version = trained_on->second;
    const auto golden = engine::verify_golden_rows((*loaded)->engine, model);
    if (!golden) findings.golden_rows_error = golden.error().message;
  }
  const auto target = find_target(data->table, params.data.target);
  if (!target) return tl::unexpected(target.error());
  find_missing(data->table, *target, findings);
  find_labels(data->table, *target, findings);
  auto measured = measure(data->table, params, *loaded, findings);
  if (!measured) return tl::unexpected(measured.error());
  std::optional<HeldOut> held_out;
  if (*measured) {
    auto& [examples, rows, correct] = **measured;
    held_out.emplace(HeldOut{*data, examples, std::move(rows), std::move(correct)});
  }
  if (auto ok = find_baseline(options, params, held_out ? &*held_out : nullptr, findings); !ok) {
    return tl::unexpected(ok.error());
  }
  return findings;
}

Result<ExitCode> run_evaluate(const EvaluateOptions& options, Context& context) {
  auto params = train::read_params(options.params, !options.params_given);
  if (!params) return tl::unexpected(params.error());
  if (options.strict) params->evaluate.undecided_fails = true;
  auto findings = find(options, *params);
  if (!findings) return tl::unexpected(findings.error());
  if (auto ok = refuse_overwriting({{"--report", options.report}},
                                   {{"--params", options.params},
                                    {"the data", findings->data_path},
                                    {"--model", options.model},
                                    {"the baseline", findings->baseline_path}});
      !ok) {
    return tl::unexpected(ok.error());
  }
  const auto evaluation = train::apply_gates(std::move(*findings), params->evaluate);
  fmt::print("{}", options.json ? train::to_json(evaluation) : train::to_text(evaluation));
  if (auto ok = write_file(options.report, train::to_markdown(evaluation)); !ok) {
    return tl::unexpected(ok.error());
  }
  for (const auto& gate : evaluation.gates) {
    if (gate.verdict == train::Verdict::kUndecided) {
      context.log.warn(
          "gate '{}' CANNOT TELL, and {}: found {}, expected {}", gate.name,
          params->evaluate.undecided_fails ? "so fails" : "lets the model pass (--strict: fails)",
          gate.found, gate.expected);
    }
    if (gate.verdict != train::Verdict::kFailed) continue;
    context.log.error("gate '{}' failed: found {}, expected {}", gate.name, gate.found,
                      gate.expected);
  }
  return evaluation.passed ? ExitCode::kDone : ExitCode::kGate;
}

}  // namespace

Command evaluate_command() {
  return {
      "evaluate", "Hold a model against its gates; exit 1 when one says no",
      "iris evaluate --model models/model.onnx --baseline old.onnx --report report.md",
      [](CLI::App& app) -> Action {
        auto options = std::make_shared<EvaluateOptions>();
        app.add_option("FILE", options->arguments,
                       "The model, *.onnx, and the table, instead of --model and --data")
            ->expected(0, 2);
        const auto* params = app.add_option("--params", options->params, "Split, penalty and gates")
                                 ->capture_default_str();
        const auto* data = app.add_option(
            "--data", options->data, "CSV file with a header [what the params say: data/data.csv]");
        const auto* model =
            app.add_option("--model", options->model, "ONNX file")->capture_default_str();
        app.add_option("--separator", options->separator, kSeparatorHelp);
        app.add_option("--baseline", options->baseline,
                       "The model to compare with, on the same rows; or its metrics.json");
        app.add_flag("--strict", options->strict,
                     "A gate that cannot tell fails, as evaluate.undecided: fail");
        app.add_option("--report", options->report, "Markdown file to write")
            ->capture_default_str();
        app.add_flag("--json", options->json, "Print one JSON object instead of text");
        return [options, params, data, model](Context& context) -> Result<ExitCode> {
          options->params_given = params->count() > 0;
          if (auto ok =
                  take_arguments(options->arguments, *model, options->model, *data, options->data);
              !ok) {
            return tl::unexpected(ok.error());
          }
          return run_evaluate(*options, context);
        };
      }};
}

}  // namespace iris::cli
