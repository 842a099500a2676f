// Answers that several routes give.
#pragma once

#include <string>
#include <string_view>

#include "http/request.hpp"
#include "http/response.hpp"
#include "serve/metrics.hpp"

namespace iris::serve {

// Why a route did not give what it was asked for: the label that counts it; empty when it did.
using Refusal = std::string_view;

// What became of a request, for the metrics.
struct Outcome {
  Route route = Route::kOther;
  Refusal refusal;
};

inline constexpr std::string_view kRetryAfter = "Retry-After: 1\r\n";

// {"error": "…"}. `fields` are whole lines of the head.
void write_error(http::Response& response, int status, std::string_view message,
                 std::string_view fields = {});

// What the transport refused.
void write_fault(http::Response& response, const http::Fault& fault);

// 404, naming what there is.
Refusal write_no_route(http::Response& response, std::string_view what_there_is);

// 405; `allowed` as in the Allow field, e.g. "GET, HEAD".
Refusal write_wrong_method(http::Response& response, std::string_view path,
                           std::string_view allowed);

// 415; `got` is the media type as the client sent it.
Refusal write_wrong_media_type(http::Response& response, std::string_view expected,
                               std::string_view got);

inline bool reads(http::Method method) {
  return method == http::Method::kGet || method == http::Method::kHead;
}

// Only printable ASCII of what a client sent in its head, which need not be UTF-8.
std::string printable(std::string_view text);

// Whether a segment of a path, which may have percent-encoded bytes (RFC 3986), is this text.
bool is_segment(std::string_view segment, std::string_view text);

// /health, /v2/health/live and /v2/health/ready; null for any other path.
struct HealthRoute {
  std::string_view path;
  std::string_view body;
  bool fails_when_draining;
};
const HealthRoute* find_health_route(std::string_view path);
Refusal answer_health(const HealthRoute& route, http::Method method, bool draining,
                      http::Response& response);

}  // namespace iris::serve
