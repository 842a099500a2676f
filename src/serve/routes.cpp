#include "serve/routes.hpp"

#include <charconv>
#include <optional>

#include "serve/json_text.hpp"

namespace iris::serve {
namespace {

using http::append;
using http::Method;

constexpr std::string_view kRetryAfter = "Retry-After: 1\r\n";
// An answer to many rows that needed more room than this gives it back.
constexpr std::size_t kKeptRows = 16'384;

void write_error(http::Response& response, int status, std::string_view message,
                 std::string_view fields = {}) {
  response.begin(status, http::kJson, fields);
  append(response.body(), "{\"error\":");
  append_json_string(response.body(), message);
  append(response.body(), "}");
}

void write_fault(http::Response& response, const http::Fault& fault) {
  const bool try_again = fault.status == 429 || fault.status == 503;
  write_error(response, fault.status, fault.message, try_again ? kRetryAfter : std::string_view{});
}

struct HealthRoute {
  std::string_view path;
  std::string_view body;
  bool fails_when_draining;
};
constexpr HealthRoute kHealthRoutes[] = {
    {"/health", R"({"status":"ok"})", true},
    {"/v2/health/live", R"({"live":true})", false},
    {"/v2/health/ready", R"({"ready":true})", true},
};

const HealthRoute* find_health_route(std::string_view path) {
  for (const auto& route : kHealthRoutes) {
    if (route.path == path) return &route;
  }
  return nullptr;
}

bool reads(Method method) {
  return method == Method::kGet || method == Method::kHead;
}

// Returns the reason if it is a refusal.
std::optional<std::string_view> answer_health(const HealthRoute& route, Method method,
                                              bool draining, http::Response& response) {
  if (!reads(method)) {
    write_error(response, 405, fmt::format("{}: expected GET or HEAD", route.path),
                "Allow: GET, HEAD\r\n");
    return "method";
  }
  if (draining && route.fails_when_draining) {
    write_error(response, 503, "draining: this server is about to end", kRetryAfter);
    return "draining";
  }
  response.begin(200);
  append(response.body(), route.body);
  return std::nullopt;
}

void append_number(http::Buffer& out, float number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  out.append(text, end);
}

// Only printable ASCII of what a client sent in its head, which need not be UTF-8.
std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return result;
}

}  // namespace

ServiceRoutes::ServiceRoutes(std::shared_ptr<const ServedModel> model, WorkerMetrics& metrics,
                             const std::atomic<bool>& draining)
    : model_(std::move(model)),
      metrics_(metrics),
      draining_(draining),
      parser_(model_->signature) {}

void ServiceRoutes::handle(const http::Request& request, http::Response& response) {
  if (request.path == "/predict") {
    predict(request, response);
    metrics_.count_response(Route::kPredict, response.status());
  } else if (const auto* health = find_health_route(request.path)) {
    const bool draining = draining_.load(std::memory_order_relaxed);
    const auto refusal = answer_health(*health, request.method, draining, response);
    if (refusal) metrics_.count_rejection(*refusal);
    metrics_.count_response(Route::kHealth, response.status());
  } else {
    write_error(response, 404, "no such route; there are GET /health and POST /predict");
    metrics_.count_rejection("route");
    metrics_.count_response(Route::kOther, response.status());
  }
}

void ServiceRoutes::refuse(const http::Fault& fault, http::Response& response) {
  write_fault(response, fault);
  metrics_.count_rejection(fault.reason);
  metrics_.count_response(Route::kOther, fault.status);
}

void ServiceRoutes::predict(const http::Request& request, http::Response& response) {
  if (request.method != Method::kPost) {
    write_error(response, 405, "/predict: expected POST", "Allow: POST\r\n");
    return metrics_.count_rejection("method");
  }
  if (request.media_type != http::MediaType::kJson &&
      request.media_type != http::MediaType::kNone) {
    write_error(response, 415,
                fmt::format("Content-Type: expected application/json, got {}",
                            printable(request.media_text)));
    return metrics_.count_rejection("media_type");
  }
  if (!parser_.parse(request.body, instances_)) {
    write_error(response, 400, parser_.rejection().message);
    return metrics_.count_rejection(parser_.rejection().reason);
  }
  labels_.resize(instances_.rows);
  if (instances_.probabilities) {
    probabilities_.resize(instances_.rows * model_->engine.classes());
    model_->engine.predict(instances_.values, probabilities_, labels_);
  } else {
    model_->engine.predict(instances_.values, labels_);
  }
  metrics_.rows.add(instances_.rows);
  response.begin(200);
  write_predictions(response.body());
  if (instances_.rows > kKeptRows) {
    instances_ = {};
    labels_ = {};
    probabilities_ = {};
  }
}

void ServiceRoutes::write_predictions(http::Buffer& out) const {
  append(out, "{\"predictions\":[");
  for (std::size_t row = 0; row < instances_.rows; ++row) {
    if (row > 0) out.push_back(',');
    append(out, model_->label_json[labels_[row]]);
  }
  out.push_back(']');
  if (instances_.probabilities) {
    const std::size_t classes = model_->engine.classes();
    append(out, ",\"probabilities\":[");
    for (std::size_t i = 0; i < probabilities_.size(); ++i) {
      append(out, i % classes > 0 ? "," : i > 0 ? "],[" : "[");
      append_number(out, probabilities_[i]);
    }
    append(out, "]],\"classes\":");
    append(out, model_->classes_json);
  }
  out.push_back('}');
}

void AdminRoutes::handle(const http::Request& request, http::Response& response) {
  if (const auto* health = find_health_route(request.path)) {
    answer_health(*health, request.method, draining_.load(std::memory_order_relaxed), response);
  } else if (request.path != "/metrics") {
    write_error(response, 404, "no such route; there are GET /metrics and GET /health");
  } else if (!reads(request.method)) {
    write_error(response, 405, "/metrics: expected GET or HEAD", "Allow: GET, HEAD\r\n");
  } else {
    response.begin(200, "text/plain; version=0.0.4; charset=utf-8");
    append(response.body(), metrics_page_());
  }
}

void AdminRoutes::refuse(const http::Fault& fault, http::Response& response) {
  write_fault(response, fault);
}

}  // namespace iris::serve
