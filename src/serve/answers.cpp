#include "serve/answers.hpp"

#include "serve/json_text.hpp"

namespace iris::serve {
namespace {

using http::append;

constexpr HealthRoute kHealthRoutes[] = {
    {"/health", R"({"status":"ok"})", true},
    {"/v2/health/live", R"({"live":true})", false},
    {"/v2/health/ready", R"({"ready":true})", true},
};

}  // namespace

void write_error(http::Response& response, int status, std::string_view message,
                 std::string_view fields) {
  response.begin(status, http::kJson, fields);
  append(response.body(), "{\"error\":");
  append_json_string(response.body(), message);
  append(response.body(), "}");
}

void write_fault(http::Response& response, const http::Fault& fault) {
  const bool try_again = fault.status == 429 || fault.status == 503;
  write_error(response, fault.status, fault.message, try_again ? kRetryAfter : std::string_view{});
}

Refusal write_no_route(http::Response& response, std::string_view what_there_is) {
  write_error(response, 404, fmt::format("no such route; there are {}", what_there_is));
  return "route";
}

Refusal write_wrong_method(http::Response& response, std::string_view path,
                           std::string_view allowed) {
  write_error(
      response, 405,
      fmt::format("{}: expected {}", path, allowed == "GET, HEAD" ? "GET or HEAD" : allowed),
      fmt::format("Allow: {}\r\n", allowed));
  return "method";
}

Refusal write_wrong_media_type(http::Response& response, std::string_view expected,
                               std::string_view got) {
  write_error(response, 415,
              fmt::format("Content-Type: expected {}, got {}", expected, printable(got)));
  return "media_type";
}

std::string printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return result;
}

const HealthRoute* find_health_route(std::string_view path) {
  for (const auto& route : kHealthRoutes) {
    if (route.path == path) return &route;
  }
  return nullptr;
}

Refusal answer_health(const HealthRoute& route, http::Method method, bool draining,
                      http::Response& response) {
  if (!reads(method)) return write_wrong_method(response, route.path, "GET, HEAD");
  if (draining && route.fails_when_draining) {
    write_error(response, 503, "draining: this server is about to end", kRetryAfter);
    return "draining";
  }
  response.begin(200);
  append(response.body(), route.body);
  return {};
}

}  // namespace iris::serve
