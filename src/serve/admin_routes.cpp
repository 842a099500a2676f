#include "serve/admin_routes.hpp"

#include "serve/answers.hpp"

namespace iris::serve {

void AdminRoutes::handle(const http::Request& request, http::Response& response) {
  if (const auto* health = find_health_route(request.path)) {
    answer_health(*health, request.method, draining_.load(std::memory_order_relaxed), response);
  } else if (request.path != "/metrics") {
    write_no_route(response, "GET /metrics and GET /health");
  } else if (!reads(request.method)) {
    write_wrong_method(response, "/metrics", "GET, HEAD");
  } else {
    response.begin(200, "text/plain; version=0.0.4; charset=utf-8");
    http::append(response.body(), metrics_page_());
  }
}

void AdminRoutes::refuse(const http::Fault& fault, http::Response& response) {
  write_fault(response, fault);
}

}  // namespace iris::serve
