// iris train: fits a classifier to a table, measures it on rows that it has not seen, and writes
// the model and its figures.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "base/file.hpp"
#include "cli/arguments.hpp"
#include "cli/commands.hpp"
#include "cli/held_out.hpp"
#include "cli/overwriting.hpp"
#include "cli/print.hpp"
#include "dataset/number.hpp"
#include "engine/engine.hpp"
#include "format/onnx.hpp"
#include "train/logistic_regression.hpp"
#include "train/metrics.hpp"
#include "train/params.hpp"

namespace iris::cli {
namespace {

struct TrainOptions {
  std::string params = "params.yaml";
  bool params_given = false;
  std::string data;
  std::string argument;  // the data, instead of --data
  std::string separator;
  std::string model = "models/model.onnx";
  std::string metrics = "metrics/metrics.json";
  bool json = false;
};

// The first row of each class, of at most this many classes.
constexpr std::size_t kMostGoldenRows = 8;

Result<void> add_golden_rows(const engine::Engine& engine, const dataset::Examples& examples,
                             model::Model& model) {
  std::vector<std::size_t> rows;
  for (std::uint32_t c = 0; c < std::min(engine.classes(), kMostGoldenRows); ++c) {
    const auto first = std::find(examples.labels.begin(), examples.labels.end(), c);
    rows.push_back(static_cast<std::size_t>(first - examples.labels.begin()));
  }
  const Answers answers = predict_rows(engine, examples.features, rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    model::GoldenRow golden;
    for (std::size_t f = 0; f < engine.features(); ++f) {
      golden.row.push_back(static_cast<float>(examples.features[rows[i] * engine.features() + f]));
    }
    golden.label = engine.label(answers.labels[i]);
    const auto begin =
        answers.probabilities.begin() + static_cast<std::ptrdiff_t>(i * engine.classes());
    golden.probabilities.assign(begin, begin + static_cast<std::ptrdiff_t>(engine.classes()));
    model.golden_rows.push_back(std::move(golden));
  }
  return model::validate(model);
}

// What is written must answer as what was measured: the file is read again before it replaces an
// older one.
Result<void> write_model(const std::string& path, const model::Model& model) {
  const auto bytes = format::write_onnx(model);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto again = format::read_onnx(*bytes, path);
  if (!again) return tl::unexpected(again.error());
  const auto engine = engine::Engine::compile(*again);
  if (!engine) return tl::unexpected(engine.error());
  if (auto ok = engine::verify_golden_rows(*engine, *again); !ok) return ok;
  return write_file(path, *bytes);
}

// "species: setosa, versicolor, virginica (3 classes)"
std::string describe_target(const dataset::Examples& examples) {
  constexpr std::size_t kShown = 10;
  std::string text = examples.target_name + ": ";
  for (std::size_t i = 0; i < std::min(examples.classes.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + examples.classes[i];
  }
  return text + fmt::format("{} ({} classes)", examples.classes.size() > kShown ? ", …" : "",
                            examples.classes.size());
}

void print_train_summary(const TrainOptions& options, const dataset::Examples& examples,
                         const train::Fit& fit, const train::TrainingRecord& record) {
  const auto& metrics = record.metrics;
  print("target    {}\n", describe_target(examples));
  print("trained on {} rows, tested on {}\n", record.train_rows, record.test_rows);
  print("fit       {} after {} iterations and {} Newton steps (gradient norm {:.1e})\n",
        fit.converged ? "converged" : "DID NOT CONVERGE", fit.iterations, fit.newton_steps,
        fit.gradient_norm);
  print("accuracy  {:.4f} (95 % interval {:.4f} to {:.4f}), log loss {:.4f}, macro F1 {:.4f}\n",
        metrics.accuracy, metrics.accuracy_interval.low, metrics.accuracy_interval.high,
        metrics.log_loss, metrics.macro_f1);
  print("wrote     {}, {}\n", options.model, options.metrics);
}

// A label may be one on purpose: a warning, no error.
void warn_of_labels(const dataset::Examples& examples, Log& log) {
  for (const auto& label : examples.classes) {
    if (!dataset::is_missing(label)) continue;
    log.warn("{}: the class '{}' looks like a missing value; it is taken for a class",
             examples.target_name, label);
  }
}

// A line after two seconds of a fit, and every ten from there.
class FitProgress {
 public:
  FitProgress(const dataset::Examples& examples, std::size_t rows, Context& context)
      : context_(context),
        size_(fmt::format("{} rows, {} features, {} classes", rows, examples.feature_names.size(),
                          examples.classes.size())),
        start_(context.clock.steady()) {}

  void tick() {
    const double seconds = std::chrono::duration<double>(context_.clock.steady() - start_).count();
    if (seconds < next_s_) return;
    context_.log.info("fitting {}: {:.0f} s so far", size_, seconds);
    next_s_ = seconds + 10;
  }

 private:
  Context& context_;
  std::string size_;
  SteadyTime start_;
  double next_s_ = 2;
};

struct Trained {
  dataset::Split split;
  train::Fit fit;
};

Result<Trained> split_and_fit(const dataset::Examples& examples, const train::Params& params,
                              Context& context) {
  auto split = split_rows(examples.labels, params.split);
  if (!split) return tl::unexpected(split.error());
  FitProgress progress(examples, split->train.size(), context);
  auto fit = train::fit_logistic_regression(
      examples, split->train,
      {params.model.inverse_regularization, params.model.max_iterations,
       [&progress] { progress.tick(); }});
  if (!fit) return tl::unexpected(fit.error());
  return Trained{std::move(*split), std::move(*fit)};
}

Result<ExitCode> run_train(const TrainOptions& options, Context& context) {
  const auto params = train::read_params(options.params, !options.params_given);
  if (!params) return tl::unexpected(params.error());
  const std::string& data_path = options.data.empty() ? params->data.path : options.data;
  if (auto ok = refuse_overwriting({{"--model", options.model}, {"--metrics", options.metrics}},
                                   {{"--params", options.params}, {"the data", data_path}});
      !ok) {
    return tl::unexpected(ok.error());
  }
  const auto data = read_data(data_path, options.separator);
  if (!data) return tl::unexpected(data.error());
  const auto examples = dataset::to_examples(data->table, params->data.target);
  if (!examples) return tl::unexpected(examples.error());
  warn_of_labels(*examples, context.log);
  const auto numeric = dataset::numeric_target(*examples);
  auto trained = split_and_fit(*examples, *params, context);
  if (!trained && numeric) return input_error("{}: {}", data->table.name(), *numeric);
  if (!trained) return tl::unexpected(trained.error());
  if (numeric) context.log.warn("{}", *numeric);
  const auto* const split = &trained->split;
  const auto* const fit = &trained->fit;
  if (!fit->converged) {
    context.log.warn(
        "the fit did not converge in {} iterations (gradient norm {:.1e}); raise "
        "model.max_iterations in {} or scale the features",
        fit->iterations, fit->gradient_norm, options.params);
  }
  auto model = train::to_model(*fit, *examples);
  if (!model) return tl::unexpected(model.error());
  const auto engine = engine::Engine::compile(*model);
  if (!engine) return tl::unexpected(engine.error());

  const train::TrainingRecord record{
      data->version,
      IRIS_VERSION,
      split->train.size(),
      split->test.size(),
      fit->converged,
      measure_rows(*engine, examples->features, examples->labels, split->test)};
  const std::string metrics = train::to_json(record);
  model->metadata = {{"iris.data_md5", data->version},
                     {"iris.metrics", metrics},
                     {"iris.parameters", train::to_json(*params)},
                     {"iris.target", examples->target_name},
                     {"iris.version", IRIS_VERSION}};
  if (auto ok = add_golden_rows(*engine, *examples, *model); !ok) return tl::unexpected(ok.error());
  if (auto ok = write_model(options.model, *model); !ok) return tl::unexpected(ok.error());
  if (auto ok = write_file(options.metrics, metrics); !ok) return tl::unexpected(ok.error());
  if (options.json) {
    fmt::print("{}", visible_lines(metrics));
  } else {
    print_train_summary(options, *examples, *fit, record);
  }
  return ExitCode::kDone;
}

}  // namespace

Command train_command() {
  return {
      "train", "Fit a classifier to a table and write it as ONNX, with its figures",
      "iris train --params params.yaml --data data/data.csv --model models/model.onnx",
      [](CLI::App& app) -> Action {
        auto options = std::make_shared<TrainOptions>();
        app.add_option("DATA", options->argument, "The table, as --data");
        const auto* params = app.add_option("--params", options->params, "Split, penalty and gates")
                                 ->capture_default_str();
        const auto* data_flag = app.add_option(
            "--data", options->data, "CSV file with a header [what the params say: data/data.csv]");
        app.add_option("--separator", options->separator, kSeparatorHelp);
        app.add_option("--model", options->model, "ONNX file to write")->capture_default_str();
        app.add_option("--metrics", options->metrics, "JSON file to write")->capture_default_str();
        app.add_flag("--json", options->json, "Print the metrics as JSON instead of text");
        return [options, params, data_flag](Context& context) -> Result<ExitCode> {
          options->params_given = params->count() > 0;
          if (auto ok = take_argument(options->argument, *data_flag, options->data); !ok) {
            return tl::unexpected(ok.error());
          }
          return run_train(*options, context);
        };
      }};
}

}  // namespace iris::cli
