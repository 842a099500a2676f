#include "serve/openapi.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/limits.hpp"
#include "serve/assets.hpp"

namespace iris::serve {
namespace {

using Json = nlohmann::ordered_json;

// What any operation may be answered with; 404 and 415 only where they can happen.
struct ErrorAnswer {
  int status;
  const char* name;
  const char* description;
  const char* header = nullptr;
};
constexpr ErrorAnswer kErrors[] = {
    {400, "BadRequest", "The request is not as it is described here"},
    {404, "NotFound", "No such model or version"},
    {405, "MethodNotAllowed", "Another method than these", "Allow"},
    {408, "RequestTimeout", "The request did not end in time"},
    {413, "ContentTooLarge", "The body is over the limit, as it is sent or once it is decoded"},
    {415, "UnsupportedMediaType",
     "Another content type than these, or another content coding than gzip and deflate"},
    {429, "TooManyRequests", "Over the admission limit", "Retry-After"},
    {431, "HeaderTooLarge", "The head is over the limit"},
    {501, "NotImplemented", "A transfer coding or parameter that is not supported"},
    {503, "Unavailable", "The server drains", "Retry-After"},
};

constexpr const char* kMethods[] = {"get", "post"};

// The least number that is rounded to infinity as a float32: 2^128 − 2^103.
constexpr double kFloatEnd = 0x1.ffffffp127;

Json ref(std::string_view kind, std::string_view name) {
  return {{"$ref", fmt::format("#/components/{}/{}", kind, name)}};
}
Json schema_ref(std::string_view name) {
  return ref("schemas", name);
}

Json array_of(const Json& items, std::size_t count) {
  return {{"type", "array"}, {"items", items}, {"minItems", count}, {"maxItems", count}};
}

void add_error_answers(Json& document) {
  auto& answers = document["components"]["responses"];
  for (const auto& error : kErrors) {
    Json answer = {{"description", error.description},
                   {"content", {{"application/json", {{"schema", schema_ref("Error")}}}}}};
    if (error.header != nullptr) {
      answer["headers"][error.header] = {{"required", true}, {"schema", {{"type", "string"}}}};
    }
    answers[error.name] = std::move(answer);
  }
  for (auto& [path, item] : document["paths"].items()) {
    for (const char* method : kMethods) {
      if (!item.contains(method)) continue;
      auto& responses = item[method]["responses"];
      for (const auto& error : kErrors) {
        if (error.status == 404 && path.find('{') == std::string::npos) continue;
        if (error.status == 415 && method != std::string_view("post")) continue;
        const auto status = std::to_string(error.status);
        if (!responses.contains(status)) responses[status] = ref("responses", error.name);
      }
    }
  }
}

// Health, the page and this document are open to everybody.
void add_security(Json& document) {
  document["components"]["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
  document["components"]["responses"]["Unauthorized"] = {
      {"description", "No token of this port, or a wrong one"},
      {"headers", {{"WWW-Authenticate", {{"required", true}, {"schema", {{"type", "string"}}}}}}},
      {"content", {{"application/json", {{"schema", schema_ref("Error")}}}}}};
  for (auto& [path, item] : document["paths"].items()) {
    const bool open = path == "/" || path == "/openapi.json" || path == "/health" ||
                      path.starts_with("/v2/health/") || path.ends_with("/ready");
    if (open) continue;
    for (const char* method : kMethods) {
      if (!item.contains(method)) continue;
      item[method]["security"] = {{{"token", Json::array()}}};
      item[method]["responses"]["401"] = ref("responses", "Unauthorized");
    }
  }
}

// Each path of a model is a path of each of its versions, too.
void add_versions(Json& document, const ServedModel& model) {
  constexpr std::string_view kModel = "/v2/models/{model}";
  auto& parameters = document["components"]["parameters"];
  parameters["model"]["schema"]["enum"] = {model.name};
  parameters["version"] = {{"name", "version"},
                           {"in", "path"},
                           {"required", true},
                           {"schema", {{"type", "string"}, {"enum", {model.v2.version}}}}};
  Json added = Json::object();
  for (const auto& [path, item] : document["paths"].items()) {
    if (!path.starts_with(kModel)) continue;
    Json copy = item;
    copy["parameters"].push_back(ref("parameters", "version"));
    auto& operation = copy.contains("get") ? copy["get"] : copy["post"];
    operation["operationId"] = operation["operationId"].get<std::string>() + "Version";
    added[fmt::format("{}/versions/{{version}}{}", kModel, path.substr(kModel.size()))] =
        std::move(copy);
  }
  document["paths"].update(added);
}

// A row by name, and as an array.
Json instance_schema(const model::Signature& signature) {
  Json properties = Json::object();
  for (const auto& feature : signature.feature_names) properties[feature] = schema_ref("Number");
  Json as_array = array_of(schema_ref("Number"), signature.feature_names.size());
  as_array["description"] = fmt::format("In this order: {}", Json(signature.feature_names).dump());
  return {{"anyOf",
           {std::move(as_array),
            {{"type", "object"},
             {"properties", std::move(properties)},
             {"required", signature.feature_names},
             {"additionalProperties", false}}}}};
}

void add_inference(Json& schemas, const model::Signature& signature) {
  const std::size_t features = signature.feature_names.size();
  auto& rows = schemas["RowsTensor"]["properties"];
  rows["name"] = {{"const", signature.input_name}};
  rows["shape"] = {{"type", "array"},
                   {"prefixItems",
                    {{{"type", "integer"}, {"minimum", 1}, {"maximum", limits::kRowsPerRequest}},
                     {{"const", features}}}},
                   {"items", false},
                   {"minItems", 2}};
  const Json nested = {{"description", "A row an array"},
                       {"type", "array"},
                       {"minItems", 1},
                       {"items", array_of(schema_ref("Number"), features)}};
  const Json flat = {{"description", "Row by row"},
                     {"type", "array"},
                     {"minItems", features},
                     {"items", schema_ref("Number")}};
  rows["data"] = {{"anyOf", {nested, flat}}};

  schemas["FeatureTensor"]["properties"]["name"] = {{"enum", signature.feature_names}};
  schemas["InferRequest"]["properties"]["inputs"]["anyOf"] = {
      array_of(schema_ref("RowsTensor"), 1), array_of(schema_ref("FeatureTensor"), features)};
  const Json outputs = {{"enum", {signature.label_name, signature.probabilities_name}}};
  schemas["RequestedOutput"]["properties"]["name"] = outputs;
  schemas["InferAnswer"]["properties"]["outputs"]["items"]["properties"]["name"] = outputs;
}

void add_schemas(Json& schemas, const ServedModel& model) {
  const auto& signature = model.signature;
  schemas["Number"]["exclusiveMinimum"] = -kFloatEnd;
  schemas["Number"]["exclusiveMaximum"] = kFloatEnd;
  schemas["PredictRequest"]["properties"]["instances"]["maxItems"] = limits::kRowsPerRequest;
  schemas["Instance"].update(instance_schema(signature));
  schemas["Label"]["enum"] = signature.class_labels;
  schemas["Probabilities"]["minItems"] = signature.class_labels.size();
  schemas["Probabilities"]["maxItems"] = signature.class_labels.size();
  add_inference(schemas, signature);
  if (model.examples.empty()) return;
  // By way of text, so that 0.2f is written as 0.2.
  const auto row = Json::parse(fmt::format("[{}]", fmt::join(model.examples.front().row, ",")));
  schemas["PredictRequest"]["examples"] = {{{"instances", {row}}}};
  schemas["InferRequest"]["examples"] = {{{"inputs",
                                           {{{"name", signature.input_name},
                                             {"shape", {1, row.size()}},
                                             {"datatype", "FP32"},
                                             {"data", {row}}}}}}};
}

}  // namespace

std::string make_openapi(const ServedModel& model, const ServiceInfo& info) {
  Json document = Json::parse(assets::openapi_json);
  document["info"]["version"] = info.version;
  add_versions(document, model);
  add_error_answers(document);
  if (info.asks_for_token) add_security(document);
  add_schemas(document["components"]["schemas"], model);
  return document.dump();
}

}  // namespace iris::serve
