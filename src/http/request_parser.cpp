#include "http/request_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <charconv>
#include <functional>
#include <utility>

#include "http/head_text.hpp"

namespace iris::http {
namespace {

namespace beast = boost::beast;

// No message in chunked coding ends with less: "0\r\n\r\n". Beast's parser relies on it when it
// comes back to a last chunk that was not complete.
constexpr std::size_t kShortestChunkedRest = 5;

// Larger heads are parsed each time; a connection keeps no more than this for its next request.
constexpr std::size_t kKnownHeadBytes = 1024;

// A chunked body larger than this is given back to the allocator after its request.
constexpr std::size_t kKeptChunkBytes = std::size_t{64} << 10;

// Of the binary extension of the Open Inference Protocol.
constexpr std::string_view kInferenceHeaderLength = "Inference-Header-Content-Length";

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

Method method_of(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get:
      return Method::kGet;
    case beast::http::verb::head:
      return Method::kHead;
    case beast::http::verb::post:
      return Method::kPost;
    default:
      return Method::kOther;
  }
}

}  // namespace

void RequestParser::Beast::on_request_impl(beast::http::verb method, View, View target, int version,
                                           Code& ec) {
  owner_.head_.method = method_of(method);
  owner_.head_.version = version;
  const auto path = path_of_target(view(target));
  if (!path) {
    owner_.refuse(400, "framing", "request line: expected a host behind the scheme");
    ec = beast::http::error::bad_target;
    return;
  }
  owner_.head_.path = {static_cast<std::size_t>(path->data() - owner_.base_), path->size()};
}

void RequestParser::Beast::on_field_impl(beast::http::field name, View name_text, View value,
                                         Code& ec) {
  using beast::http::field;
  if (owner_.head_done_) return;  // trailers say nothing that is used here
  const bool frames =
      name == field::host || name == field::content_length || name == field::transfer_encoding;
  // Whoever passed the request on may have read the first line alone.
  if (frames && owner_.is_folded(name_text, value)) {
    owner_.refuse(400, "framing", fmt::format("{}: expected one line", view(name_text)));
    ec = beast::http::error::bad_field;
    return;
  }
  switch (name) {
    case field::host:
      ++owner_.head_.hosts;
      if (!is_authority(view(value))) {
        owner_.refuse(400, "framing", "Host: expected a host with or without a port");
        ec = beast::http::error::bad_value;
      }
      break;
    case field::content_length:
      // Beast accepts equal lengths said twice; whoever sends them is not to be trusted with where
      // the next request begins.
      if (++owner_.head_.lengths > 1 || value.find(',') != View::npos) {
        owner_.refuse(400, "framing", "Content-Length is given twice");
        ec = beast::http::error::bad_content_length;
      }
      break;
    case field::transfer_encoding:
      owner_.head_.transfer_encoding = true;
      if (!equals_ignoring_case(view(value), "chunked")) {
        owner_.refuse(501, "framing", "Transfer-Encoding: only \"chunked\" is supported");
        ec = beast::http::error::bad_transfer_encoding;
      }
      break;
    case field::content_type:
      owner_.set_media_type(view(value));
      break;
    case field::expect:
      owner_.head_.expects_continue = equals_ignoring_case(view(value), "100-continue");
      break;
    case field::content_encoding:
      owner_.head_.coding = with_codings(owner_.head_.coding, view(value));
      owner_.head_.coding_text = owner_.span_of(value);
      break;
    case field::authorization:
      // Of two, another server in front may have checked the other.
      if (++owner_.head_.authorizations > 1) {
        owner_.refuse(400, "framing", "Authorization is given twice");
        ec = beast::http::error::bad_field;
      }
      owner_.head_.authorization = owner_.span_of(value);
      break;
    case field::unknown:  // to Beast
      if (equals_ignoring_case(view(name_text), "X-Request-Id")) {
        if (is_request_id(view(value))) owner_.head_.request_id = owner_.span_of(value);
      } else if (equals_ignoring_case(view(name_text), "traceparent")) {
        owner_.head_.traceparent = owner_.span_of(value);
      } else if (equals_ignoring_case(view(name_text), kInferenceHeaderLength) &&
                 !owner_.set_inference_header_length(view(value))) {
        ec = beast::http::error::bad_field;
      }
      break;
    default:
      break;
  }
}

void RequestParser::Beast::on_header_impl(Code& ec) {
  owner_.head_done_ = true;
  owner_.head_.keep_alive = keep_alive();
  const bool is_1_0 = owner_.head_.version == 10;
  if (owner_.head_.hosts > 1 || (owner_.head_.hosts == 0 && !is_1_0)) {
    owner_.refuse(400, "framing", "expected one Host field in an HTTP/1.1 request");
    ec = beast::http::error::bad_field;
  } else if (owner_.head_.transfer_encoding && is_1_0) {
    owner_.refuse(400, "framing", "Transfer-Encoding in an HTTP/1.0 request");
    ec = beast::http::error::bad_transfer_encoding;
  }
}

std::size_t RequestParser::Beast::on_body_impl(View bytes, Code&) {
  if (owner_.head_.body.size == 0) {
    owner_.head_.body.offset = static_cast<std::size_t>(bytes.data() - owner_.base_);
  }
  owner_.head_.body.size += bytes.size();
  return bytes.size();
}

std::size_t RequestParser::Beast::on_chunk_body_impl(std::uint64_t, View bytes, Code& ec) {
  const auto begin = static_cast<std::size_t>(bytes.data() - owner_.base_);
  if (owner_.framing_is_too_large(begin)) {
    ec = beast::http::error::header_limit;
    return 0;
  }
  owner_.chunk_end_ = begin + bytes.size();
  owner_.chunks_.append(bytes.data(), bytes.size());
  return bytes.size();
}

void RequestParser::reset() {
  beast_.reset();
  fault_ = {};
  consumed_ = 0;
  chunk_end_ = 0;
  head_done_ = false;
  if (chunks_.capacity() > kKeptChunkBytes) {
    std::string().swap(chunks_);  // assigning an empty one would keep the memory
  } else {
    chunks_.clear();
  }
}

// Whether head_ holds for this message, too, and its body is there as well.
bool RequestParser::repeats_known_head(std::string_view message) const {
  return !known_.empty() && message.size() >= known_.size() + head_.body.size &&
         message.starts_with(known_);
}

Progress RequestParser::feed(std::string_view message) {
  if (!beast_) {
    if (repeats_known_head(message)) {
      consumed_ = known_.size() + head_.body.size;
      head_done_ = true;
      return Progress::kComplete;
    }
    head_ = {};
    known_.clear();
    beast_.emplace(*this);
    beast_->eager(true);
    // Beast's bound depends on how the bytes come; ours, in parse(), is met before it.
    beast_->header_limit(static_cast<std::uint32_t>(2 * limits_.header_bytes));
    beast_->body_limit(limits_.body_bytes);
  }
  const Progress progress = parse(message);
  if (progress == Progress::kComplete && !head_.transfer_encoding) {
    const std::size_t head_bytes = consumed_ - head_.body.size;
    if (head_bytes <= kKnownHeadBytes) known_.assign(message.data(), head_bytes);
  }
  return progress;
}

// Of the head as far as it is there: all of the message, until the head is complete.
bool RequestParser::head_is_too_large(std::string_view message) const {
  if (message.size() <= limits_.header_bytes) return false;
  constexpr std::string_view kEnd = "\r\n\r\n";
  return !head_done_ || message.find(kEnd) + kEnd.size() > limits_.header_bytes;
}

// Of what stands between two pieces of a chunked body, before the first or behind the last, up to
// `end`: extensions of chunks, the trailer. Beast's bound on it depends on how the bytes come.
bool RequestParser::framing_is_too_large(std::size_t end) const {
  return end - chunk_end_ > 2 * limits_.header_bytes;
}

Progress RequestParser::parse(std::string_view message) {
  base_ = message.data();
  end_ = message.data() + message.size();
  const bool had_head = head_done_;
  const bool was_in_chunks = had_head && head_.transfer_encoding;
  const std::size_t fresh = message.size() - consumed_;
  if (fresh == 0) return head_done_ ? Progress::kBody : Progress::kHead;
  if (was_in_chunks && fresh < kShortestChunkedRest) return Progress::kBody;

  beast::error_code ec;
  consumed_ += beast_->put(boost::asio::const_buffer(message.data() + consumed_, fresh), ec);
  if (ec && ec != beast::http::error::need_more) return fault_ ? Progress::kFault : refuse(ec);
  if (!had_head && head_is_too_large(message)) {
    return refuse(beast::http::make_error_code(beast::http::error::header_limit));
  }
  const std::size_t end = beast_->is_done() ? consumed_ : message.size();
  if (head_done_ && head_.transfer_encoding) {
    if (framing_is_too_large(end)) {
      return refuse(431, "header_too_large",
                    "the trailer or the extension of a chunk is over the limit");
    }
    // Chunks of one byte take six on the wire; the buffer they are read into has a bound, too.
    const std::size_t bound = 2 * (limits_.header_bytes + limits_.body_bytes);
    if (end > bound) {
      return refuse(413, "body_too_large",
                    fmt::format("the chunks and all around them are over {} bytes", bound));
    }
  }
  if (beast_->is_done()) {
    // The padding is part of the string, so that reading it is reading the string.
    if (head_.transfer_encoding) {
      head_.body.size = chunks_.size();
      chunks_.append(kBodyPadding, '\0');
    }
    return Progress::kComplete;
  }
  return head_done_ ? Progress::kBody : Progress::kHead;
}

Request RequestParser::request(std::string_view message) const {
  const auto& [offset, size] = head_.body;
  const std::string_view body = head_.transfer_encoding ? std::string_view(chunks_.data(), size)
                                                        : message.substr(offset, size);
  const auto text = [message](const Span& span) { return message.substr(span.offset, span.size); };
  return {.method = head_.method,
          .path = text(head_.path),
          .media_type = head_.media_type,
          .media_text = {head_.media_text.data(), head_.media_text_size},
          .coding = head_.coding,
          .coding_text = text(head_.coding_text),
          .body = body,
          .authorization = text(head_.authorization),
          .request_id = text(head_.request_id),
          .traceparent = text(head_.traceparent),
          .inference_header_length = head_.inference_header_length};
}

Progress RequestParser::refuse(int status, std::string_view reason, std::string message) {
  fault_ = {status, reason, std::move(message)};
  return Progress::kFault;
}

Progress RequestParser::refuse(const beast::error_code& ec) {
  using beast::http::error;
  if (ec == error::header_limit) {
    return refuse(431, "header_too_large",
                  fmt::format("the head is over the limit of {} bytes", limits_.header_bytes));
  }
  if (ec == error::body_limit) {
    return refuse(413, "body_too_large",
                  fmt::format("the body is over the limit of {} bytes", limits_.body_bytes));
  }
  if (ec == error::bad_content_length) {
    return refuse(400, "framing", "Content-Length: expected one number and no Transfer-Encoding");
  }
  if (ec == error::bad_transfer_encoding) {
    return refuse(400, "framing", "expected Content-Length or one Transfer-Encoding, got both");
  }
  if (ec == error::bad_version) {
    return refuse(400, "framing", "expected HTTP/1.0 or HTTP/1.1 in the request line");
  }
  if (ec == error::bad_method || ec == error::bad_target) {
    return refuse(400, "framing", "malformed request line");
  }
  if (ec == error::bad_chunk || ec == error::bad_chunk_extension) {
    return refuse(400, "framing", "malformed chunk");
  }
  return refuse(400, "framing", "malformed header field");
}

bool RequestParser::is_in_message(beast::string_view text) const {
  const std::less_equal<const char*> reaches;
  return reaches(base_, text.data()) && reaches(text.data() + text.size(), end_);
}

// Whether the value goes over lines (RFC 9112, section 5.2): then it lies in Beast's memory or,
// when the first line has none of it, behind a line's end.
bool RequestParser::is_folded(beast::string_view name, beast::string_view value) const {
  if (value.empty()) return false;
  if (!is_in_message(value)) return true;
  const char* const name_end = name.data() + name.size();
  return std::find(name_end, value.data(), '\n') != value.data();
}

// A value that does not lie in the message was folded; it is taken as not sent.
RequestParser::Span RequestParser::span_of(beast::string_view text) const {
  if (!is_in_message(text)) return {};
  return {static_cast<std::size_t>(text.data() - base_), text.size()};
}

// Whether the value is a number, and the first of its kind.
bool RequestParser::set_inference_header_length(std::string_view value) {
  std::size_t length = 0;
  const char* end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, length);
  if (read.ec == std::errc() && read.ptr == end && !head_.inference_header_length) {
    head_.inference_header_length = length;
    return true;
  }
  refuse(400, "framing", fmt::format("{}: expected one number", kInferenceHeaderLength));
  return false;
}

void RequestParser::set_media_type(std::string_view value) {
  auto type = value.substr(0, value.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  if (type.empty()) {
    head_.media_type = MediaType::kNone;
  } else if (equals_ignoring_case(type, "application/json")) {
    head_.media_type = MediaType::kJson;
  } else if (equals_ignoring_case(type, "application/octet-stream")) {
    head_.media_type = MediaType::kOctetStream;
  } else {
    head_.media_type = MediaType::kOther;
  }
  head_.media_text_size = std::min(type.size(), head_.media_text.size());
  std::copy_n(type.begin(), head_.media_text_size, head_.media_text.begin());
}

}  // namespace iris::http
