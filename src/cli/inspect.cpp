// iris inspect: what a model file is, and a request with the answer that it must get.
#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "engine/engine.hpp"
#include "format/onnx.hpp"

namespace iris::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InspectOptions {
  std::string model;
  bool json = false;
};

struct Inspection {
  std::string path;
  std::size_t bytes = 0;
  std::string md5;
  std::vector<std::string> operators;
  model::Model model;
  std::string kernel;
  std::vector<model::GoldenRow> examples;  // never empty; a row and its label
};

const char* link_name(model::Link link) {
  return link == model::Link::kSoftmax ? "softmax" : "logistic";
}

std::string join(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

// What a service of this model can be asked, with known answers: its golden rows. A file without
// any is asked for a row of zeros, which the engine here answers.
std::vector<model::GoldenRow> examples_of(const model::Model& model, const engine::Engine& engine) {
  if (!model.golden_rows.empty()) return model.golden_rows;
  model::GoldenRow zeros{std::vector<float>(model.features()), "", {}};
  std::uint32_t label = 0;
  engine.predict(zeros.row, std::span(&label, 1));
  zeros.label = engine.label(label);
  return {std::move(zeros)};
}

Result<Inspection> inspect(const std::string& path) {
  const auto bytes = format::read_model_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  auto model = format::read_onnx(*bytes, path);
  if (!model) return tl::unexpected(model.error());
  auto operators = format::onnx_operators(*bytes, path);
  if (!operators) return tl::unexpected(operators.error());
  const auto engine = engine::Engine::compile(*model);
  if (!engine) return tl::unexpected(engine.error());
  if (auto ok = engine::verify_golden_rows(*engine, *model); !ok) {
    return input_error("{}: {}", path, ok.error().message);
  }
  auto examples = examples_of(*model, *engine);
  return Inspection{path,
                    bytes->size(),
                    md5_hex(*bytes),
                    std::move(*operators),
                    std::move(*model),
                    std::string(engine->kernel()),
                    std::move(examples)};
}

// Metadata that is JSON is shown as such, the rest as text.
Json metadata_value(const std::string& text) {
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_structured() ? parsed : Json(text);
}

// 0.2f as 0.2: the shortest decimal that is this float.
Json number(float value) {
  return Json::parse(fmt::format("{}", value));
}

// {"instances": [[…]]} for /predict, and {"predictions": [label]}, its answer.
void add_examples(const std::vector<model::GoldenRow>& examples, Json& json) {
  Json instances = Json::array();
  Json predictions = Json::array();
  for (const auto& example : examples) {
    Json row = Json::array();
    for (const float value : example.row) row.push_back(number(value));
    instances.push_back(std::move(row));
    predictions.push_back(example.label);
  }
  json["request"]["instances"] = std::move(instances);
  json["answer"]["predictions"] = std::move(predictions);
}

void print_inspect_json(const Inspection& found) {
  const auto& signature = found.model.signature;
  Json json = {{"path", found.path},
               {"bytes", found.bytes},
               {"md5", found.md5},
               {"operators", found.operators},
               {"features", signature.feature_names},
               {"classes", signature.class_labels},
               {"link", link_name(found.model.classifier.link)},
               {"kernel", found.kernel},
               {"golden_rows_verified", found.model.golden_rows.size()},
               {"metadata", Json::object()}};
  add_examples(found.examples, json);
  for (const auto& [key, value] : found.model.metadata)
    json["metadata"][key] = metadata_value(value);
  print_json(json);
}

void print_text(const Inspection& found) {
  const auto& signature = found.model.signature;
  print("{}: ONNX, {} bytes, MD5 {}\n", found.path, found.bytes, found.md5);
  print("operators    {}\n", join(found.operators));
  print("features     {} ({})\n", signature.feature_names.size(), join(signature.feature_names));
  print("classes      {} ({})\n", signature.class_labels.size(), join(signature.class_labels));
  print("link         {}\n", link_name(found.model.classifier.link));
  print("kernel       {}\n", found.kernel);
  print("golden rows  {}\n", found.model.golden_rows.empty()
                                 ? "none in the file"
                                 : fmt::format("{} answered as when the model was trained",
                                               found.model.golden_rows.size()));
  for (const auto& [key, value] : found.model.metadata) {
    const Json json = metadata_value(value);
    if (key == "iris.metrics" && json.contains("accuracy") && json["accuracy"].is_number()) {
      print("accuracy     {:.4f} on held-out rows\n", json["accuracy"].get<double>());
      continue;
    }
    print("{:12} {}\n", key, value);
  }
}

Result<ExitCode> run_inspect(const InspectOptions& options) {
  const auto found = inspect(options.model);
  if (!found) return tl::unexpected(found.error());
  options.json ? print_inspect_json(*found) : print_text(*found);
  return ExitCode::kDone;
}

}  // namespace

Command inspect_command() {
  return {"inspect", "Show a model's signature, operators, size and training figures",
          "iris inspect models/model.onnx", [](CLI::App& app) -> Action {
            auto options = std::make_shared<InspectOptions>();
            app.add_option("MODEL", options->model, "ONNX file")->required();
            app.add_flag("--json", options->json, "Print one JSON object instead of text");
            return [options](Context&) { return run_inspect(*options); };
          }};
}

}  // namespace iris::cli
