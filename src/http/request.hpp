// A request as handlers see it, and why the transport refuses one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace iris::http {

enum class Method { kGet, kHead, kPost, kOther };

// What the Content-Type says, without its parameters.
enum class MediaType { kNone, kJson, kOctetStream, kOther };

// What the Content-Encoding says: one coding that is decoded here, or what is not.
enum class ContentCoding { kIdentity, kGzip, kDeflate, kOther };

// Bytes that are readable, though meaningless, behind every body: a vectorised parser may load past
// the end (simdjson asks for 64).
inline constexpr std::size_t kBodyPadding = 64;

// The views hold while the handler runs.
struct Request {
  Method method = Method::kOther;
  std::string_view path{};  // the target without its query
  MediaType media_type = MediaType::kNone;
  std::string_view media_text{};  // the media type as sent, cut to a few bytes, for messages
  ContentCoding coding = ContentCoding::kIdentity;
  std::string_view coding_text{};  // the Content-Encoding as sent, for messages
  std::string_view body{};         // in that coding
  SteadyTime ready_at{};           // when the loop heard of its first byte
  SteadyTime turn_at{};            // when its turn came, with all of it there
  bool overdue = false;  // waited longer than the server has its requests wait: to be refused
  // Fields of the head, empty or none where they were not sent.
  std::string_view authorization{};
  std::string_view request_id{};                         // X-Request-Id
  std::string_view traceparent{};                        // W3C Trace Context
  std::optional<std::size_t> inference_header_length{};  // Inference-Header-Content-Length
};

// The transport could not make a request of the bytes; the connection closes after the answer.
struct Fault {
  int status = 0;             // 0: no fault
  std::string_view reason{};  // the label that counts it, e.g. "framing"
  std::string message{};      // what was found and expected
  explicit operator bool() const { return status != 0; }
};

}  // namespace iris::http
