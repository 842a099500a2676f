#include "serve/routes.hpp"

namespace iris::serve {

ServiceRoutes::ServiceRoutes(const ModelStore& models, WorkerMetrics& metrics,
                             const std::atomic<bool>& draining, const ServiceInfo& info)
    : model_(models),
      metrics_(metrics),
      draining_(draining),
      predict_(model_.get().signature, metrics),
      v2_(model_.get().signature, metrics, info.version) {}

void ServiceRoutes::handle(const http::Request& request, http::Response& response) {
  const auto [route, refusal] = answer(request, response);
  if (!refusal.empty()) metrics_.count_rejection(refusal);
  metrics_.count_response(route, response.status());
}

Outcome ServiceRoutes::answer(const http::Request& request, http::Response& response) {
  // Only predictions are refused: whoever asks for health or figures wants to know of the overload.
  if (request.overdue && request.method == http::Method::kPost) {
    write_error(response, 429, "over the admission limit: too much is waiting; try again",
                kRetryAfter);
    return {request.path == "/predict" ? Route::kPredict : Route::kInfer, "admission"};
  }
  if (request.path == "/predict") {
    return {Route::kPredict, predict_.answer(request, model_.get(), response)};
  }
  const bool draining = draining_.load(std::memory_order_relaxed);
  if (const auto* health = find_health_route(request.path)) {
    return {Route::kHealth, answer_health(*health, request.method, draining, response)};
  }
  if (is_v2_path(request.path)) return v2_.answer(request, model_.get(), draining, response);
  return {Route::kOther, write_no_route(response, "POST /predict, GET /v2 and GET /health")};
}

void ServiceRoutes::refuse(const http::Fault& fault, http::Response& response) {
  write_fault(response, fault);
  metrics_.count_rejection(fault.reason);
  metrics_.count_response(Route::kOther, fault.status);
}

}  // namespace iris::serve
