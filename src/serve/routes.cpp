#include "serve/routes.hpp"

#include "serve/about_routes.hpp"

namespace iris::serve {
namespace {

std::string_view name_of(http::Method method) {
  switch (method) {
    case http::Method::kGet:
      return "GET";
    case http::Method::kHead:
      return "HEAD";
    case http::Method::kPost:
      return "POST";
    case http::Method::kOther:
      return "other";
  }
  return "other";
}

// What is answered without a token: whether it is well, and the page and the contract, which a
// browser must be able to open and which name the model's features and classes.
bool is_open(std::string_view path) {
  return find_health_route(path) != nullptr || path == "/" || path == "/openapi.json" ||
         (is_v2_path(path) && path.ends_with("/ready"));
}

// What a request that was refused is counted with.
Route route_of(std::string_view path) {
  if (path == "/predict") return Route::kPredict;
  if (find_health_route(path) != nullptr) return Route::kHealth;
  if (is_v2_path(path)) return V2Routes::route_of(path);
  return is_about_path(path) ? Route::kPage : Route::kOther;
}

}  // namespace

ServiceRoutes::ServiceRoutes(const RoutesContext& context)
    : context_(context),
      metrics_(context.metrics),
      model_(context.models),
      phases_(context.clock),
      sampler_(context.access_log_share),
      access_(context.tokens),
      decoder_(context.max_body_bytes),
      predict_(model_.get().signature, metrics_, decoder_),
      v2_(model_.get().signature, metrics_, decoder_, context.info.version) {}

void ServiceRoutes::handle(const http::Request& request, http::Response& response) {
  phases_.begin(request);
  const auto outcome = answer(request, response);
  if (request.coding != http::ContentCoding::kIdentity) decoder_.settle();
  if (!outcome.refusal.empty()) metrics_.count_rejection(outcome.refusal);
  metrics_.count_response(outcome.route, response.status());
  if (context_.access_log != nullptr) log(request, response, outcome);
}

void ServiceRoutes::log(const http::Request& request, const http::Response& response,
                        const Outcome& outcome) {
  if (!sampler_.take()) return;
  context_.access_log->add({.method = name_of(request.method),
                            .path = request.path,
                            .route = kRouteNames[static_cast<std::size_t>(outcome.route)],
                            .status = response.status(),
                            .bytes_in = request.body.size(),
                            .bytes_out = response.size(),
                            .queued = request.turn_at - request.ready_at,
                            .handled = context_.clock.steady() - request.turn_at,
                            .request_id = request.request_id,
                            .traceparent = request.traceparent,
                            .refusal = outcome.refusal});
}

Outcome ServiceRoutes::answer(const http::Request& request, http::Response& response) {
  // Only predictions are refused: whoever asks for health or figures wants to know of the overload.
  if (request.overdue && request.method == http::Method::kPost) {
    write_error(response, 429, "over the admission limit: too much is waiting; try again",
                kRetryAfter);
    return {route_of(request.path), "admission"};
  }
  const bool admitted = access_.admits(request);
  if (!admitted && !is_open(request.path)) {
    return {route_of(request.path), access_.refuse(request, response)};
  }
  if (request.path == "/predict") {
    return {Route::kPredict, predict_.answer(request, model_.get(), phases_, response)};
  }
  const bool draining = context_.draining.load(std::memory_order_relaxed);
  if (const auto* health = find_health_route(request.path)) {
    return {Route::kHealth, answer_health(*health, request.method, draining, response)};
  }
  if (is_v2_path(request.path)) {
    return v2_.answer(request, model_.get(), {.draining = draining, .admitted = admitted}, phases_,
                      response);
  }
  if (const auto refusal = answer_about(request, model_.get(), context_.info, response)) {
    return {Route::kPage, *refusal};
  }
  return {Route::kOther,
          write_no_route(response, "POST /predict, GET /v2, GET /health, GET / and /openapi.json")};
}

void ServiceRoutes::release_memory() {
  predict_.release_memory();
  v2_.release_memory();
  if (context_.memory_released) context_.memory_released();
}

void ServiceRoutes::refuse(const http::Fault& fault, const http::Request& request,
                           http::Response& response) {
  write_fault(response, fault);
  const bool has_path = !request.path.empty();
  const Route route = has_path ? route_of(request.path) : Route::kOther;
  metrics_.count_rejection(fault.reason);
  metrics_.count_response(route, fault.status);
  if (context_.access_log == nullptr || !sampler_.take()) return;
  context_.access_log->add({.method = has_path ? name_of(request.method) : std::string_view{},
                            .path = request.path,
                            .route = kRouteNames[static_cast<std::size_t>(route)],
                            .status = fault.status,
                            .bytes_out = response.size(),
                            .request_id = request.request_id,
                            .traceparent = request.traceparent,
                            .refusal = fault.reason});
}

}  // namespace iris::serve
