#include <cmath>
#include <nlohmann/json.hpp>

#include "train/metrics.hpp"

namespace iris::train {

using Json = nlohmann::ordered_json;

// The last bits of exp and log differ between C libraries; the file must not.
constexpr double kDigits = 1e12;

std::string to_json(const TrainingRecord& record) {
  const Metrics& metrics = record.metrics;
  Json classes = Json::object();
  Json labels = Json::array();
  for (const auto& one : metrics.classes) {
    labels.push_back(one.label);
    classes[one.label] = {{"precision", one.precision},
                          {"recall", one.recall},
                          {"f1", one.f1},
                          {"support", one.support}};
  }
  const Json json = {
      {"accuracy", metrics.accuracy},
      {"accuracy_interval", {metrics.accuracy_interval.low, metrics.accuracy_interval.high}},
      {"data_version", record.data_version},
      {"log_loss", std::round(metrics.log_loss * kDigits) / kDigits},
      {"macro",
       {{"precision", metrics.macro_precision},
        {"recall", metrics.macro_recall},
        {"f1", metrics.macro_f1}}},
      {"classes", std::move(classes)},
      {"confusion", {{"labels", std::move(labels)}, {"truth_by_prediction", metrics.confusion}}},
      {"rows", {{"train", record.train_rows}, {"test", record.test_rows}}},
      {"converged", record.converged},
      {"program_version", record.program_version}};
  // Names come from bytes that need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<TrainingRecord> parse_training_record(const std::string& text, const std::string& name) {
  TrainingRecord record;
  try {
    const Json json = Json::parse(text);
    record.metrics.accuracy = json.at("accuracy").get<double>();
    record.data_version = json.value("data_version", "");
    record.program_version = json.value("program_version", "");
    record.metrics.log_loss = json.value("log_loss", 0.0);
    record.test_rows = json.value("rows", Json::object()).value("test", std::size_t{0});
    record.metrics.macro_f1 = json.value("macro", Json::object()).value("f1", 0.0);
    const Json classes = json.value("classes", Json::object());
    for (const auto& [label, one] : classes.items()) {
      record.metrics.classes.push_back({label, one.at("precision").get<double>(),
                                        one.at("recall").get<double>(), one.at("f1").get<double>(),
                                        one.at("support").get<std::size_t>()});
    }
  } catch (const Json::exception& error) {
    return input_error("{}: not the metrics of 'iris train' ({})", name, error.what());
  }
  return record;
}

}  // namespace iris::train
