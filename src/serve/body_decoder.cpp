#include "serve/body_decoder.hpp"

#include <fmt/format.h>

namespace iris::serve {

Refusal BodyDecoder::decode(const http::Request& request, http::Response& response,
                            std::string_view& body) {
  constexpr std::string_view kReason = "content_coding";
  if (request.coding == http::ContentCoding::kOther) {
    write_error(response, 415,
                fmt::format("Content-Encoding: expected one of gzip, deflate and identity, got {}",
                            printable(request.coding_text)),
                "Accept-Encoding: gzip, deflate\r\n");
    return kReason;
  }
  const std::string_view name = request.coding == http::ContentCoding::kGzip ? "gzip" : "deflate";
  switch (decoder_.decode(request.coding, request.body)) {
    case http::Decoded::kGood:
      body = decoder_.body();
      return {};
    case http::Decoded::kTooLarge:
      write_error(response, 413,
                  fmt::format("the decoded body is over the limit of {} bytes", max_bytes_));
      return "body_too_large";
    case http::Decoded::kNoMemory:
      write_error(response, 429, "decoding the body takes too much memory; try again", kRetryAfter);
      return "memory";
    case http::Decoded::kTruncated:
      write_error(response, 400,
                  fmt::format("Content-Encoding: {}, but the body ends within it, at byte {}", name,
                              decoder_.stopped_at()));
      return kReason;
    case http::Decoded::kDamaged:
      write_error(
          response, 400,
          fmt::format("Content-Encoding: {}, but the body is not, or is damaged, at byte {}", name,
                      decoder_.stopped_at()));
      return kReason;
  }
  return kReason;
}

}  // namespace iris::serve
