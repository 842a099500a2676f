// The request that wrk sends, found by letting it send one: a script may set method, path, headers
// and body, or make them at each call, and after an error in it wrk goes on with GET.
//
//   auto sent = find_sent_request(options);
//   if (!sent->lua_error.empty()) …
//   client.exchange(sent->to(endpoint), …);
#pragma once

#include <string>

#include "http/client.hpp"
#include "load/wrk.hpp"

namespace iris::load {

struct SentRequest {
  std::string bytes;      // the first request, as wrk wrote it to a socket of ours
  std::string authority;  // of that socket, as it stands in Host
  std::string lua_error;  // empty when the script was loaded
  std::string errors;     // all that wrk wrote to standard error by then

  std::string method() const;
  std::string target() const;
  std::size_t body_bytes() const;
  // The same bytes, with the Host that wrk would have made for `peer`.
  std::string to(const http::Endpoint& peer) const;
};

// Runs wrk with one connection against a socket on loopback until one request is there, for some
// seconds at most. Fails when wrk cannot be run or sends nothing.
Result<SentRequest> find_sent_request(WrkOptions options);

}  // namespace iris::load
