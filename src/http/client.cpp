#include "http/client.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "base/limits.hpp"

namespace iris::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;

}  // namespace

std::string format_request(const ClientRequest& request, const Endpoint& peer) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}:{}\r\n", request.method,
                                 request.target, peer.address().to_string(), peer.port());
  for (const auto& [name, value] : request.headers) text += fmt::format("{}: {}\r\n", name, value);
  if (!request.body.empty()) text += fmt::format("Content-Length: {}\r\n", request.body.size());
  return text + "\r\n" + request.body;
}

// Held by its handlers too, so that a client may go while an operation of it is on its way.
struct Client::Connection : std::enable_shared_from_this<Connection> {
  Connection(asio::io_context& io, const Endpoint& address) : stream(io), peer(address) {}

  beast::tcp_stream stream;
  Endpoint peer;
  beast::flat_buffer buffer;
  std::optional<beast::http::response_parser<beast::http::string_body>> parser;
  std::shared_ptr<const std::string> request;
  SteadyTime deadline;
  Done done;
  bool open = false;
  bool reused = false;  // this exchange began on a kept connection

  void begin() {
    reused = open;
    stream.expires_at(deadline);
    open ? write() : connect();
  }

  void connect() {
    buffer.clear();
    stream.async_connect(peer, [self = shared_from_this()](ErrorCode error) {
      if (error) return self->fail("cannot connect", error);
      ErrorCode ignored;
      self->stream.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
      self->open = true;
      self->write();
    });
  }

  void write() {
    asio::async_write(stream, asio::buffer(*request),
                      [self = shared_from_this()](ErrorCode error, std::size_t) {
                        if (error) return self->fail("cannot send", error);
                        self->read();
                      });
  }

  void read() {
    parser.emplace();
    parser->body_limit(limits::kBodyBytes);
    parser->header_limit(limits::kHeaderBytes);
    beast::http::async_read(stream, buffer, *parser,
                            [self = shared_from_this()](ErrorCode error, std::size_t) {
                              if (error) return self->fail("no answer", error);
                              self->succeed();
                            });
  }

  void succeed() {
    stream.expires_never();
    if (!parser->keep_alive()) disconnect();
    auto& message = parser->get();
    finish(Answer{message.result_int(), std::move(message.body())});
  }

  void fail(const char* what, ErrorCode error) {
    const bool late = error == beast::error::timeout;
    const bool nothing_read = !parser || !parser->got_some();
    disconnect();
    if (reused && nothing_read && !late && error != asio::error::operation_aborted) {
      reused = false;
      stream.expires_at(deadline);
      return connect();
    }
    finish(late ? environment_error("{}:{}: no answer within the time for it",
                                    peer.address().to_string(), peer.port())
                : environment_error("{}:{}: {}: {}", peer.address().to_string(), peer.port(), what,
                                    error.message()));
  }

  void finish(Result<Answer> answer) {
    parser.reset();
    request.reset();
    // Taken out first: the callee may begin the next exchange.
    if (const auto call = std::exchange(done, nullptr)) call(std::move(answer));
  }

  void disconnect() {
    open = false;
    ErrorCode ignored;
    stream.socket().close(ignored);
  }
};

Client::Client(asio::io_context& io, const Endpoint& peer)
    : connection_(std::make_shared<Connection>(io, peer)) {}

Client::~Client() {
  if (!connection_) return;
  connection_->done = nullptr;
  connection_->disconnect();
}

void Client::exchange(std::shared_ptr<const std::string> request, SteadyTime deadline, Done done) {
  connection_->request = std::move(request);
  connection_->deadline = deadline;
  connection_->done = std::move(done);
  connection_->begin();
}

void Client::exchange(std::string request, SteadyTime deadline, Done done) {
  exchange(std::make_shared<const std::string>(std::move(request)), deadline, std::move(done));
}

bool Client::busy() const {
  return connection_->done != nullptr;
}

void Client::close() {
  if (!busy()) connection_->disconnect();
}

}  // namespace iris::http
