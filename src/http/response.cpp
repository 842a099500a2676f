#include "http/response.hpp"

#include <charconv>

namespace iris::http {
namespace {

// Blanks before a field's value mean nothing (RFC 9112, section 5.1), so the length can be filled
// in when the body is known, with nothing moved.
constexpr std::string_view kLengthField = "Content-Length:           \r\n\r\n";
constexpr std::size_t kLengthDigits = 10;

void append_head(Buffer& out, int status, std::string_view media_type, std::string_view fields,
                 const ResponseOptions& options) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nContent-Type: {}\r\n", status,
                 reason_phrase(status), media_type);
  append(out, options.date);
  append(out, fields);
  if (!options.request_id.empty()) {
    append(out, "X-Request-Id: ");
    append(out, options.request_id);
    append(out, "\r\n");
  }
  if (options.close) {
    append(out, "Connection: close\r\n");
  } else if (options.keep_alive_1_0) {
    append(out, "Connection: keep-alive\r\n");
  }
  append(out, kLengthField);
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "";
  }
}

std::string json_head(std::string_view date) {
  Buffer head;
  append_head(head, 200, kJson, {}, {.date = date});
  return {head.data(), head.size()};
}

void Response::begin(int status, std::string_view media_type, std::string_view fields) {
  if (start_ == kNowhere) start_ = out_.size();
  out_.resize(start_);
  status_ = status;
  const bool usual = status == 200 && media_type == kJson && fields.empty() && !options_.close &&
                     !options_.keep_alive_1_0 && options_.request_id.empty();
  if (usual && !options_.json_head.empty()) {
    append(out_, options_.json_head);
  } else {
    append_head(out_, status, media_type, fields, options_);
  }
  body_at_ = out_.size();
  length_at_ = body_at_ - 4 - kLengthDigits;
}

void Response::finish() {
  char digits[kLengthDigits];
  const auto end = std::to_chars(digits, digits + kLengthDigits, out_.size() - body_at_).ptr;
  const auto count = static_cast<std::size_t>(end - digits);
  std::copy(digits, end, out_.data() + length_at_ + kLengthDigits - count);
  if (options_.head_only) out_.resize(body_at_);
}

}  // namespace iris::http
