// What answers requests. One handler serves the connections of one thread and is called by it
// alone.
#pragma once

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

  // The same for what is not a request; the connection closes after it. `request` is what could be
  // read of its head: method, path, request id and traceparent, or none of them.
  virtual void refuse(const Fault& fault, const Request& request, Response& response) = 0;

  // The answers since the last call were written, as far as the kernel took them at once.
  virtual void written(SteadyTime /*now*/) {}
};

}  // namespace iris::http
