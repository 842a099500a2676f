#include "serve/about_routes.hpp"

#include "serve/openapi.hpp"
#include "serve/page.hpp"

namespace iris::serve {
namespace {

void write_json(std::string_view text, http::Response& response) {
  response.begin(200);
  http::append(response.body(), text);
}

}  // namespace

bool is_about_path(std::string_view path) {
  return path == "/" || path == "/openapi.json" || path == "/live.json";
}

std::optional<Refusal> answer_about(const http::Request& request, const ServedModel& model,
                                    const ServiceInfo& info, http::Response& response) {
  if (!is_about_path(request.path)) return std::nullopt;
  const bool page = request.path == "/";
  const bool openapi = request.path == "/openapi.json";
  if (!reads(request.method)) return write_wrong_method(response, request.path, "GET, HEAD");
  if (page) {
    write_page(model, info.version, response);
  } else if (openapi) {
    write_json(make_openapi(model, info), response);
  } else {
    write_json(info.live_figures(), response);
  }
  return Refusal{};
}

}  // namespace iris::serve
