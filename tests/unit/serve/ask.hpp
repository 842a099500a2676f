// Asks a handler as a connection does, without one.
#pragma once

#include <string>

#include "http/handler.hpp"

namespace iris::serve {

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
};

inline Answer ask(http::Handler& handler, http::Request request, std::string body = "") {
  const std::size_t size = body.size();
  body.append(http::kBodyPadding, '\0');
  request.body = std::string_view(body.data(), size);
  http::Buffer out;
  http::Response response(out, {});
  handler.handle(request, response);
  response.finish();
  const std::string text(out.data(), out.size());
  const auto end = text.find("\r\n\r\n");
  return {response.status(), text.substr(0, end + 2), text.substr(end + 4)};
}

}  // namespace iris::serve
