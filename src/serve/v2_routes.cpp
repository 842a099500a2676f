#include "serve/v2_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "serve/json_text.hpp"
#include "serve/v2_answer.hpp"

namespace iris::serve {
namespace {

using http::append;
using http::MediaType;

constexpr std::string_view kModels = "/v2/models/";
constexpr std::string_view kModelList = "/v2/models";
constexpr std::string_view kRepositoryIndex = "/v2/repository/index";
constexpr std::string_view kWhatThereIs =
    "GET /v2, GET /v2/models, GET /v2/models/{model}, GET …/ready and POST …/infer";

enum class Action { kMetadata, kReady, kInfer };

struct ModelPath {
  std::string_view model;
  std::optional<std::string_view> version;
  Action action = Action::kMetadata;
};

// The text up to the next '/', which is taken off with it.
std::string_view take_segment(std::string_view& path) {
  const auto end = std::min(path.find('/'), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  return segment;
}

std::optional<ModelPath> parse_model_path(std::string_view path) {
  if (!path.starts_with(kModels)) return std::nullopt;
  path.remove_prefix(kModels.size());
  ModelPath parsed;
  parsed.model = take_segment(path);
  if (path.starts_with("versions/")) {
    take_segment(path);
    parsed.version = take_segment(path);
  }
  if (path == "infer") {
    parsed.action = Action::kInfer;
  } else if (path == "ready") {
    parsed.action = Action::kReady;
  } else if (!path.empty()) {
    return std::nullopt;
  }
  return parsed;
}

bool is_server_path(std::string_view path) {
  return path == "/v2" || path == "/v2/";
}

Refusal write_no_model(http::Response& response, const ModelPath& path, const ServedModel& model,
                       bool admitted) {
  if (!admitted) {
    write_error(response, 404, "no such model; what there is is told with the token of this port");
  } else if (!is_segment(path.model, model.name)) {
    write_error(response, 404,
                fmt::format("no model {}; there is {}", in_quotes(printable(path.model)),
                            in_quotes(model.name)));
  } else {
    write_error(
        response, 404,
        fmt::format("no version {} of model {}; there is {}", in_quotes(printable(*path.version)),
                    in_quotes(model.name), in_quotes(model.v2.version)));
  }
  return "model";
}

Refusal write_document(const http::Request& request, std::string_view path, std::string_view text,
                       http::Response& response) {
  if (!reads(request.method)) return write_wrong_method(response, path, "GET, HEAD");
  response.begin(200);
  append(response.body(), text);
  return {};
}

// The models that are served, as both lists have them (Triton's "Model Repository Extension").
std::string list_models(const ServedModel& model, bool draining) {
  return fmt::format(R"([{{"name":{},"version":{},"state":"{}"}}])", json_string(model.name),
                     json_string(model.v2.version), draining ? "UNAVAILABLE" : "READY");
}

// Triton asks by POST, with a body that could only leave out what is not ready.
Refusal answer_index(const http::Request& request, const ServedModel& model, bool draining,
                     http::Response& response) {
  if (!reads(request.method) && request.method != http::Method::kPost) {
    return write_wrong_method(response, kRepositoryIndex, "GET, HEAD, POST");
  }
  response.begin(200);
  append(response.body(), list_models(model, draining));
  return {};
}

Refusal answer_ready(const http::Request& request, const ServedModel& model, bool draining,
                     http::Response& response) {
  if (!reads(request.method)) {
    return write_wrong_method(response, "/v2/models/{model}/ready", "GET, HEAD");
  }
  if (draining) {
    response.begin(503, http::kJson, kRetryAfter);
  } else {
    response.begin(200);
  }
  append(response.body(), "{\"name\":");
  append_json_string(response.body(), model.name);
  append(response.body(), draining ? ",\"ready\":false}" : ",\"ready\":true}");
  return draining ? "draining" : Refusal{};
}

}  // namespace

V2Routes::V2Routes(const model::Signature& signature, WorkerMetrics& metrics, BodyDecoder& decoder,
                   std::string_view version)
    : metrics_(metrics),
      decoder_(decoder),
      server_(fmt::format(R"({{"name":"iris","version":{},"extensions":["binary_tensor_data"]}})",
                          json_string(version))),
      parser_(signature) {}

Route V2Routes::route_of(std::string_view path) {
  if (is_server_path(path) || path == kModelList || path == kRepositoryIndex) return Route::kModel;
  const auto parsed = parse_model_path(path);
  if (!parsed) return Route::kOther;
  return parsed->action == Action::kInfer ? Route::kInfer : Route::kModel;
}

Outcome V2Routes::answer(const http::Request& request, const ServedModel& model,
                         const Conditions& conditions, PhaseClock& phases,
                         http::Response& response) {
  // Nearly every request; its path need not be taken apart.
  if (request.path == model.v2.infer_path) {
    return {Route::kInfer, infer(request, model, phases, response)};
  }
  if (is_server_path(request.path)) {
    return {Route::kModel, write_document(request, "/v2", server_, response)};
  }
  if (request.path == kModelList) {
    const auto list = fmt::format(R"({{"models":{}}})", list_models(model, conditions.draining));
    return {Route::kModel, write_document(request, kModelList, list, response)};
  }
  if (request.path == kRepositoryIndex) {
    return {Route::kModel, answer_index(request, model, conditions.draining, response)};
  }
  const auto path = parse_model_path(request.path);
  if (!path) return {Route::kOther, write_no_route(response, kWhatThereIs)};
  const Route route = path->action == Action::kInfer ? Route::kInfer : Route::kModel;
  if (!is_segment(path->model, model.name) ||
      (path->version && !is_segment(*path->version, model.v2.version))) {
    return {route, write_no_model(response, *path, model, conditions.admitted)};
  }
  switch (path->action) {
    case Action::kInfer:
      return {route, infer(request, model, phases, response)};
    case Action::kReady:
      return {route, answer_ready(request, model, conditions.draining, response)};
    case Action::kMetadata:
      return {route, write_document(request, "/v2/models/{model}", model.v2.metadata, response)};
  }
  return {};
}

Refusal V2Routes::infer(const http::Request& request, const ServedModel& model, PhaseClock& phases,
                        http::Response& response) {
  if (request.method != http::Method::kPost) {
    return write_wrong_method(response, "/v2/models/{model}/infer", "POST");
  }
  if (request.media_type == MediaType::kOther) {
    return write_wrong_media_type(response, "application/json or application/octet-stream",
                                  request.media_text);
  }
  std::string_view body;
  if (const auto refusal = decoder_.read(request, response, body); !refusal.empty()) return refusal;
  if (!parser_.parse(body, request.inference_header_length, request_)) {
    write_error(response, parser_.rejection().status, parser_.rejection().message);
    return parser_.rejection().reason;
  }
  phases.parsed();
  predictions_.make(model, request_.values, request_.wants(V2Output::kProbabilities));
  phases.predicted(metrics_.infer_phases);
  metrics_.rows.add(request_.rows);
  write_v2_answer(model, request_, predictions_, response);
  if (request_.rows > kKeptRows) {
    request_ = {};
    predictions_ = {};
  }
  return {};
}

}  // namespace iris::serve
