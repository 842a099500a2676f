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

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

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

bool is_segment(std::string_view segment, std::string_view text) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < segment.size(); ++i, ++at) {
    char c = segment[i];
    if (c == '%' && i + 2 < segment.size()) {
      const int high = hex_digit(segment[i + 1]);
      const int low = hex_digit(segment[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    if (at >= text.size() || text[at] != c) return false;
  }
  return at == text.size();
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
