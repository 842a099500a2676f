#include "http/request_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <utility>

namespace iris::http {
namespace {

namespace beast = boost::beast;

// No message in chunked coding ends with less: "0\r\n\r\n". Beast's parser relies on it when it
// comes back to a last chunk that was not complete.
constexpr std::size_t kShortestChunkedRest = 5;

// A chunked body larger than this is given back to the allocator after its request.
constexpr std::size_t kKeptChunkBytes = std::size_t{64} << 10;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
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
                                           Code&) {
  owner_.method_ = method_of(method);
  owner_.version_ = version;
  if (target.starts_with("http://")) {  // absolute form: as good as the path alone
    target.remove_prefix(std::min(target.size(), target.find('/', std::size("http://") - 1)));
  }
  owner_.path_ = {static_cast<std::size_t>(target.data() - owner_.base_),
                  std::min(target.size(), target.find('?'))};
}

void RequestParser::Beast::on_field_impl(beast::http::field name, View, View value, Code& ec) {
  using beast::http::field;
  if (owner_.head_done_) return;  // trailers say nothing that is used here
  switch (name) {
    case field::host:
      ++owner_.hosts_;
      break;
    case field::content_length:
      // Beast accepts equal lengths said twice; whoever sends them is not to be trusted with where
      // the next request begins.
      if (++owner_.lengths_ > 1 || value.find(',') != View::npos) {
        owner_.refuse(400, "framing", "Content-Length is given twice");
        ec = beast::http::error::bad_content_length;
      }
      break;
    case field::transfer_encoding:
      owner_.transfer_encoding_ = true;
      if (!equals_ignoring_case(view(value), "chunked")) {
        owner_.refuse(501, "framing", "Transfer-Encoding: only \"chunked\" is supported");
        ec = beast::http::error::bad_transfer_encoding;
      }
      break;
    case field::content_type:
      owner_.set_media_type(view(value));
      break;
    case field::expect:
      owner_.expects_continue_ = equals_ignoring_case(view(value), "100-continue");
      break;
    default:
      break;
  }
}

void RequestParser::Beast::on_header_impl(Code& ec) {
  owner_.head_done_ = true;
  owner_.keep_alive_ = keep_alive();
  const bool is_1_0 = owner_.version_ == 10;
  if (owner_.hosts_ > 1 || (owner_.hosts_ == 0 && !is_1_0)) {
    owner_.refuse(400, "framing", "expected one Host field in an HTTP/1.1 request");
    ec = beast::http::error::bad_field;
  } else if (owner_.transfer_encoding_ && is_1_0) {
    owner_.refuse(400, "framing", "Transfer-Encoding in an HTTP/1.0 request");
    ec = beast::http::error::bad_transfer_encoding;
  }
}

std::size_t RequestParser::Beast::on_body_impl(View bytes, Code&) {
  if (owner_.body_.size == 0) {
    owner_.body_.offset = static_cast<std::size_t>(bytes.data() - owner_.base_);
  }
  owner_.body_.size += bytes.size();
  return bytes.size();
}

std::size_t RequestParser::Beast::on_chunk_body_impl(std::uint64_t, View bytes, Code&) {
  owner_.chunks_.append(bytes.data(), bytes.size());
  return bytes.size();
}

void RequestParser::reset() {
  beast_.emplace(*this);
  beast_->eager(true);
  beast_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  beast_->body_limit(limits_.body_bytes);
  fault_ = {};
  consumed_ = 0;
  path_ = {};
  body_ = {};
  if (chunks_.capacity() > kKeptChunkBytes) {
    chunks_ = {};
  } else {
    chunks_.clear();
  }
  method_ = Method::kOther;
  media_type_ = MediaType::kNone;
  media_text_size_ = 0;
  version_ = 11;
  hosts_ = 0;
  lengths_ = 0;
  transfer_encoding_ = false;
  head_done_ = false;
  keep_alive_ = true;
  expects_continue_ = false;
}

Progress RequestParser::feed(std::string_view message) {
  base_ = message.data();
  const bool was_in_chunks = head_done_ && transfer_encoding_;
  const std::size_t fresh = message.size() - consumed_;
  if (fresh == 0) return head_done_ ? Progress::kBody : Progress::kHead;
  if (was_in_chunks && fresh < kShortestChunkedRest) return Progress::kBody;

  beast::error_code ec;
  consumed_ += beast_->put(boost::asio::const_buffer(message.data() + consumed_, fresh), ec);
  if (ec && ec != beast::http::error::need_more) return fault_ ? Progress::kFault : refuse(ec);
  if (beast_->is_done()) {
    // The padding is part of the string, so that reading it is reading the string.
    if (transfer_encoding_) {
      body_.size = chunks_.size();
      chunks_.append(kBodyPadding, '\0');
    }
    return Progress::kComplete;
  }
  if (head_done_) {
    // Chunks of one byte take six on the wire; the buffer they are read into has a bound, too.
    const bool too_large = message.size() > 2 * (limits_.header_bytes + limits_.body_bytes);
    return too_large ? refuse(beast::http::make_error_code(beast::http::error::body_limit))
                     : Progress::kBody;
  }
  // Beast bounds the request line and the fields, each from where it left off; this bounds the sum.
  if (message.size() > 2 * limits_.header_bytes) {
    return refuse(beast::http::make_error_code(beast::http::error::header_limit));
  }
  return Progress::kHead;
}

Request RequestParser::request(std::string_view message) const {
  const std::string_view body = transfer_encoding_ ? std::string_view(chunks_.data(), body_.size)
                                                   : message.substr(body_.offset, body_.size);
  return {.method = method_,
          .path = message.substr(path_.offset, path_.size),
          .media_type = media_type_,
          .media_text = media_text(),
          .body = body};
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

void RequestParser::set_media_type(std::string_view value) {
  auto type = value.substr(0, value.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  if (type.empty()) {
    media_type_ = MediaType::kNone;
  } else if (equals_ignoring_case(type, "application/json")) {
    media_type_ = MediaType::kJson;
  } else if (equals_ignoring_case(type, "application/octet-stream")) {
    media_type_ = MediaType::kOctetStream;
  } else {
    media_type_ = MediaType::kOther;
  }
  media_text_size_ = std::min(type.size(), media_text_.size());
  std::copy_n(type.begin(), media_text_size_, media_text_.begin());
}

}  // namespace iris::http
