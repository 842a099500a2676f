// A small HTTP/1.1 client on an io_context: one connection, one exchange at a time, each with a
// deadline. The connection is kept open between exchanges for as long as both sides want it.
//
//   Client client(io, endpoint);
//   client.exchange(format_request({.target = "/metrics"}, endpoint), clock.steady() + 1s,
//                   [](Result<Answer> answer) { … });
//   io.run();
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace iris::http {

using Endpoint = boost::asio::ip::tcp::endpoint;

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
};

struct Answer {
  unsigned status = 0;
  std::string body;
};

// The request as bytes, with Host and, for a body, Content-Length.
std::string format_request(const ClientRequest& request, const Endpoint& peer);

class Client {
 public:
  // Called once for each exchange, never from within exchange() itself; not called when the client
  // was destroyed before.
  using Done = std::function<void(Result<Answer>)>;

  Client(boost::asio::io_context& io, const Endpoint& peer);
  Client(Client&&) noexcept = default;
  Client& operator=(Client&&) noexcept = default;
  ~Client();

  // Sends what format_request made. An answer of any status is an answer; errors are those of the
  // connection, of HTTP framing, and the deadline, whose error says "no answer within". A kept
  // connection that the server closed meanwhile is opened again, once, as HTTP allows (RFC 9112,
  // section 9.3.1). One exchange at a time.
  void exchange(std::shared_ptr<const std::string> request, SteadyTime deadline, Done done);
  void exchange(std::string request, SteadyTime deadline, Done done);

  bool busy() const;
  // Closes the connection; the next exchange opens a new one.
  void close();

 private:
  struct Connection;
  std::shared_ptr<Connection> connection_;
};

}  // namespace iris::http
