#include "serve/admin_routes.hpp"

#include <algorithm>
#include <utility>

#include "base/visible.hpp"
#include "serve/answers.hpp"
#include "serve/json_text.hpp"

namespace iris::serve {
namespace {

using http::append;

constexpr std::string_view kRepository = "/v2/repository/models/";
constexpr std::string_view kLoad = "/load";

bool is_load_path(std::string_view path) {
  return path.size() > kRepository.size() + kLoad.size() && path.starts_with(kRepository) &&
         path.ends_with(kLoad);
}

void write_outcome(const Reloader::Outcome& outcome, http::Response& response) {
  if (outcome.result == ReloadResult::kRefused) {
    return write_error(response, 400,
                       visible(outcome.message) + "; the model from before is served on");
  }
  auto& body = response.body();
  response.begin(200);
  append(body, "{\"name\":");
  append_json_string(body, outcome.model->name);
  append(body, fmt::format(",\"result\":\"{}\",\"sha256\":\"{}\"}}",
                           kReloadResultNames[static_cast<std::size_t>(outcome.result)],
                           outcome.model->digest));
}

}  // namespace

AdminRoutes::AdminRoutes(AdminTasks tasks, const ModelStore& models, ControlMetrics& metrics,
                         const std::atomic<bool>& draining, const AccessTokens* tokens)
    : tasks_(std::move(tasks)),
      models_(models),
      metrics_(metrics),
      draining_(draining),
      access_(tokens) {}

void AdminRoutes::handle(const http::Request& request, http::Response& response) {
  if (const auto* health = find_health_route(request.path)) {
    answer_health(*health, request.method, draining_.load(std::memory_order_relaxed), response);
  } else if (const auto refusal = access_.refuse(request, response); !refusal.empty()) {
    const auto reason = std::find(kAccessReasons.begin(), kAccessReasons.end(), refusal);
    metrics_.admin_refused[static_cast<std::size_t>(reason - kAccessReasons.begin())].add();
  } else if (is_load_path(request.path)) {
    load(request, response);
  } else if (request.path != "/metrics") {
    write_no_route(response,
                   "GET /metrics, GET /health and POST /v2/repository/models/{model}/load");
  } else if (!reads(request.method)) {
    write_wrong_method(response, "/metrics", "GET, HEAD");
  } else {
    response.begin(200, "text/plain; version=0.0.4; charset=utf-8");
    append(response.body(), tasks_.metrics_page());
  }
}

void AdminRoutes::load(const http::Request& request, http::Response& response) {
  if (request.method != http::Method::kPost) {
    write_wrong_method(response, "/v2/repository/models/{model}/load", "POST");
    return;
  }
  auto name = request.path.substr(kRepository.size());
  name.remove_suffix(kLoad.size());
  const auto served = models_.current();
  if (!is_segment(name, served->name)) {
    return write_error(
        response, 404,
        fmt::format("no model \"{}\"; there is \"{}\"", printable(name), served->name));
  }
  if (!tasks_.reload) {
    return write_error(response, 501, "this server's model did not come from a file");
  }
  tasks_.reload([later = response.answer_later()](const Reloader::Outcome& outcome) {
    later->answer([&outcome](http::Response& late) { write_outcome(outcome, late); });
  });
}

void AdminRoutes::refuse(const http::Fault& fault, const http::Request& /*request*/,
                         http::Response& response) {
  write_fault(response, fault);
}

}  // namespace iris::serve
