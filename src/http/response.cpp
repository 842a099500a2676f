#include "http/response.hpp"

#include <algorithm>
#include <charconv>

namespace iris::http {
namespace {

// Blanks before a field's value mean nothing (RFC 9112, section 5.1), so lengths can be filled in
// when they are known, with nothing moved.
constexpr std::size_t kLengthDigits = 10;
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kJsonLengthField = "Inference-Header-Content-Length:           \r\n";
constexpr std::string_view kLengthField = "Content-Length:           \r\n\r\n";

void append_beginning(Buffer& out, int status, std::string_view media_type, std::string_view date) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nContent-Type: {}\r\n", status,
                 reason_phrase(status), media_type);
  append(out, date);
}

std::string beginning(std::string_view media_type, std::string_view date) {
  Buffer out;
  append_beginning(out, 200, media_type, date);
  return {out.data(), out.size()};
}

// Fills in the length, of which `field` is where the blanks end.
void write_length(char* field, std::size_t length) {
  char digits[kLengthDigits];
  const auto* const end = std::to_chars(digits, digits + kLengthDigits, length).ptr;
  std::copy_backward(static_cast<const char*>(digits), end, field);
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

UsualHeads usual_heads(std::string_view date) {
  return {beginning(kJson, date), beginning(kOctets, date)};
}

void Response::begin(int status, std::string_view media_type, std::string_view fields) {
  begin_head(status);
  if (options_.usual != nullptr && status == 200 && media_type == kJson) {
    append(out_, options_.usual->json);
  } else {
    append_beginning(out_, status, media_type, options_.date);
  }
  append(out_, fields);
  end_head();
}

void Response::begin_tensors() {
  begin_head(200);
  if (options_.usual != nullptr) {
    append(out_, options_.usual->tensors);
  } else {
    append_beginning(out_, 200, kOctets, options_.date);
  }
  end_head(kJsonLengthField);
}

void Response::begin_head(int status) {
  if (start_ == kNowhere) start_ = out_.size();
  out_.resize(start_);
  status_ = status;
}

// The lengths stand last, so that their places are known from where the body begins.
void Response::end_head(std::string_view last_field) {
  if (!options_.request_id.empty()) {
    append(out_, "X-Request-Id: ");
    append(out_, options_.request_id);
    append(out_, "\r\n");
  }
  if (options_.close) {
    append(out_, "Connection: close\r\n");
  } else if (options_.keep_alive_1_0) {
    append(out_, "Connection: keep-alive\r\n");
  }
  append(out_, last_field);
  append(out_, kLengthField);
  body_at_ = out_.size();
}

void Response::end_json() {
  const std::size_t field_end = body_at_ - kLengthField.size() - kLineEnd.size();
  write_length(out_.data() + field_end, out_.size() - body_at_);
}

void Response::finish() {
  write_length(out_.data() + body_at_ - kHeadEnd.size(), out_.size() - body_at_);
  if (options_.head_only) out_.resize(body_at_);
}

}  // namespace iris::http
