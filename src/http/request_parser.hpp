// HTTP/1.1 requests (RFC 9112) from bytes as they arrive, without copying and, in the steady state,
// without allocating: Beast's parser, derived from directly, which tells of each element instead of
// collecting them. What it lets pass and a server must not (two lengths, unknown transfer codings,
// no valid Host) is refused here. Clients repeat themselves: a head that is byte for byte that of
// the message before it is not parsed again.
//
//   parser.reset();
//   switch (parser.feed(bytes)) { … }        // all bytes of the message so far
//   handle(parser.request(bytes)); next = bytes.substr(parser.consumed());
#pragma once

#include <array>
#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.hpp"
#include "http/request.hpp"

namespace iris::http {

struct ParserLimits {
  std::size_t header_bytes = limits::kHeaderBytes;  // of the head: request line and fields
  std::size_t body_bytes = limits::kBodyBytes;
};

enum class Progress {
  kHead,      // the head is not complete
  kBody,      // the head is complete, the body is not
  kComplete,  // request() holds
  kFault,     // fault() says why; the framing is lost
};

class RequestParser {
 public:
  explicit RequestParser(const ParserLimits& limits) : limits_(limits) { reset(); }

  // Makes ready for the next message.
  void reset();

  // `message` is everything received since the first byte of this message, whether fed before or
  // not, and may have moved in memory since the last call. Must not be called after kComplete or
  // kFault before reset().
  Progress feed(std::string_view message);

  // Bytes of the message that were understood; after kComplete, its size.
  std::size_t consumed() const { return consumed_; }

  // After kComplete. `message` as given to feed; a chunked body lies in the parser.
  Request request(std::string_view message) const;

  // Of a chunked body, beside the message itself.
  std::size_t held_bytes() const { return chunks_.size(); }

  const Fault& fault() const { return fault_; }
  bool keep_alive() const { return head_.keep_alive; }
  bool http_1_0() const { return head_.version == 10; }
  bool expects_continue() const { return head_.expects_continue && !http_1_0(); }

 private:
  // Beast's parser state, made anew for each message.
  class Beast final : public boost::beast::http::basic_parser<true> {
   public:
    explicit Beast(RequestParser& owner) : owner_(owner) {}

   private:
    using Code = boost::beast::error_code;
    using View = boost::beast::string_view;
    void on_request_impl(boost::beast::http::verb method, View method_text, View target,
                         int version, Code& ec) override;
    void on_response_impl(int, View, int, Code&) override {}
    void on_field_impl(boost::beast::http::field name, View name_text, View value,
                       Code& ec) override;
    void on_header_impl(Code& ec) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
    std::size_t on_body_impl(View bytes, Code&) override;
    void on_chunk_header_impl(std::uint64_t, View, Code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, View bytes, Code&) override;
    void on_finish_impl(Code&) override {}

    RequestParser& owner_;
  };

  struct Span {
    std::size_t offset = 0;
    std::size_t size = 0;
  };

  // What the head says, and where the body is.
  struct Head {
    Span path;
    Span body;
    Span authorization;
    Span request_id;
    Span traceparent;
    Span coding_text;
    std::optional<std::size_t> inference_header_length;
    Method method = Method::kOther;
    MediaType media_type = MediaType::kNone;
    ContentCoding coding = ContentCoding::kIdentity;
    std::array<char, 48> media_text{};
    std::size_t media_text_size = 0;
    int version = 11;
    int hosts = 0;
    int lengths = 0;
    int authorizations = 0;
    bool transfer_encoding = false;
    bool keep_alive = true;
    bool expects_continue = false;
  };

  bool repeats_known_head(std::string_view message) const;
  bool head_is_too_large(std::string_view message) const;
  bool framing_is_too_large(std::size_t end) const;
  Progress parse(std::string_view message);
  Progress refuse(int status, std::string_view reason, std::string message);
  Progress refuse(const boost::beast::error_code& ec);
  void set_media_type(std::string_view value);
  bool is_in_message(boost::beast::string_view text) const;
  bool is_folded(boost::beast::string_view name, boost::beast::string_view value) const;
  Span span_of(boost::beast::string_view text) const;
  bool set_inference_header_length(std::string_view value);

  const ParserLimits limits_;
  std::optional<Beast> beast_;  // none before the first byte, nor for a known head
  Fault fault_;
  const char* base_ = nullptr;  // where the message lies during feed
  const char* end_ = nullptr;
  std::size_t consumed_ = 0;
  std::size_t chunk_end_ = 0;  // where the last piece of a chunked body ended
  Head head_;
  bool head_done_ = false;
  std::string known_;   // the bytes that head_ was read from, if they may be met again
  std::string chunks_;  // the body of a chunked message
};

}  // namespace iris::http
