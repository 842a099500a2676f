// Bodies without their content coding, for the routes that read bodies. One for each thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "http/content_decoder.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "serve/answers.hpp"

namespace iris::serve {

class BodyDecoder {
 public:
  // Of a decoded body, as of one that is sent as it is.
  explicit BodyDecoder(std::size_t max_bytes) : max_bytes_(max_bytes), decoder_(max_bytes) {}

  // Sets `body` to the request's, decoded, with http::kBodyPadding readable bytes behind it; it
  // holds until settle(). Where it cannot be decoded it answers and returns why not.
  Refusal read(const http::Request& request, http::Response& response, std::string_view& body) {
    body = request.body;
    if (request.coding == http::ContentCoding::kIdentity) return {};
    return decode(request, response, body);
  }

  // The request that was read is answered.
  void settle() { decoder_.settle(); }

 private:
  Refusal decode(const http::Request& request, http::Response& response, std::string_view& body);

  const std::size_t max_bytes_;
  http::ContentDecoder decoder_;
};

}  // namespace iris::serve
