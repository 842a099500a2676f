#include "format/onnx_metadata.hpp"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>

#include "format/onnx.hpp"

namespace iris::format {
namespace {

// Single-precision numbers, so that 0.2f is written as 0.2.
using Json = nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t,
                                  std::uint64_t, float>;

Result<std::string> dump(const Json& json) {
  try {
    return json.dump();
  } catch (const Json::exception&) {  // the only reason to throw here: a string is not UTF-8
    return input_error("model: a feature or class name is not UTF-8, expected UTF-8");
  }
}

// Brackets within brackets take the most memory for a byte.
constexpr int kMaxDepth = 8;

// nlohmann throws when a type is not what the code asks for; the message names the key.
template <class T>
Result<T> parse(std::string_view text, const char* key, const char* expected) {
  try {
    const auto is_shallow = [](int depth, Json::parse_event_t, Json&) {
      return depth <= kMaxDepth;
    };
    return Json::parse(text, is_shallow).template get<T>();
  } catch (const Json::exception&) {
    return input_error("metadata '{}' is not {}", key, expected);
  }
}

}  // namespace
}  // namespace iris::format

// nlohmann looks these up beside the type.
namespace iris::model {

static void to_json(format::Json& json, const GoldenRow& golden) {
  json = {{"row", golden.row}, {"label", golden.label}, {"probabilities", golden.probabilities}};
}

static void from_json(const format::Json& json, GoldenRow& golden) {
  json.at("row").get_to(golden.row);
  json.at("label").get_to(golden.label);
  json.at("probabilities").get_to(golden.probabilities);
}

}  // namespace iris::model

namespace iris::format {

Result<std::string> feature_names_to_json(const std::vector<std::string>& names) {
  return dump(names);
}

Result<std::string> golden_rows_to_json(const std::vector<model::GoldenRow>& rows) {
  return dump(rows);
}

Result<std::vector<std::string>> feature_names_from_json(std::string_view text) {
  return parse<std::vector<std::string>>(text, kFeatureNamesKey, "a JSON array of strings");
}

Result<std::vector<model::GoldenRow>> golden_rows_from_json(std::string_view text) {
  return parse<std::vector<model::GoldenRow>>(
      text, kGoldenRowsKey, "a JSON array of {\"row\", \"label\", \"probabilities\"}");
}

}  // namespace iris::format
