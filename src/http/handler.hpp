// What answers requests. One handler serves the connections of one thread and is called by it
// alone.
#pragma once

#include <string_view>

#include "http/request.hpp"
#include "http/response.hpp"

namespace iris::http {

class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  // Begins and writes the answer; the connection finishes it.
  virtual void handle(const Request& request, Response& response) = 0;

  // Whether a request for this path is answered however full the server is, e.g. one for health.
  virtual bool is_vital(std::string_view /*path*/) const { return false; }

  // The same as handle() for what is not a request; the connection closes after it. `request` is
  // what could be read of its head: method, path, request id and traceparent, or none of them.
  virtual void refuse(const Fault& fault, const Request& request, Response& response) = 0;

  // The answers since the last call were written, as far as the kernel took them at once.
  virtual void written(SteadyTime /*now*/) {}

  // There was no large body for a while: the room that is kept for them may go.
  virtual void release_memory() {}
};

}  // namespace iris::http
