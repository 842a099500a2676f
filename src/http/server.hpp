// The connections of one thread: accepts them, holds them, enforces their deadlines, drains them.
// Everything here happens in the thread that runs the io_context.
//
//   Server server(io, options, handler, counters, clock, seed);
//   server.listen(std::move(fd));
//   io.run();                                   // elsewhere: post(io, [&] { server.drain(done); })
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "http/counters.hpp"
#include "http/handler.hpp"
#include "http/request_parser.hpp"

namespace iris::http {

// Executors by their concrete type: the type-erased default costs a virtual call each time.
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor>;
using Timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

class Connection;

struct ServerOptions {
  ParserLimits limits{};
  Nanoseconds read_timeout = std::chrono::seconds(10);   // from a request's first byte to its last
  Nanoseconds idle_timeout = std::chrono::seconds(60);   // without a request
  Nanoseconds write_timeout = std::chrono::seconds(10);  // without a byte taken by the client
  Nanoseconds max_connection_age = std::chrono::seconds(300);
  double max_connection_age_jitter = 0.2;         // ± this fraction, for each connection its own
  std::uint64_t max_requests_per_connection = 0;  // 0: no bound
  std::size_t max_connections = 10'000;           // more are answered with 429
};

class Server {
 public:
  Server(boost::asio::io_context& io, const ServerOptions& options, Handler& handler,
         Counters& counters, const Clock& clock, std::uint64_t seed);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void listen(Fd socket);

  // Answers on, with "Connection: close"; closes idle connections; accepts what is still queued.
  // Calls `done` once when nothing is left, and no longer listens then.
  void drain(std::function<void()> done);

  // Ends everything at once; returns how many requests lost their answer.
  std::size_t abort();

  std::size_t connections() const { return connections_.size(); }

 private:
  friend class Connection;

  void await_connection();
  void accept_queued();
  bool accept_one();
  void add(Fd socket);
  void remove(Connection& connection);
  void arm_tick();
  void tick();
  void finish_drain_if_done();
  SteadyTime age_deadline(SteadyTime now);

  // The time now, and the Date field that goes with it.
  SteadyTime now();
  std::string_view date() const { return {date_.data(), date_.size()}; }

  boost::asio::io_context& io_;
  const ServerOptions options_;
  Handler& handler_;
  Counters& counters_;
  const Clock& clock_;
  std::minstd_rand random_;
  Acceptor acceptor_;
  Timer timer_;
  bool ticking_ = false;
  bool awaiting_ = false;
  bool accept_paused_ = false;  // out of descriptors; the tick tries again
  bool stopped_ = false;
  bool draining_ = false;
  std::function<void()> drained_;
  std::vector<std::unique_ptr<Connection>> connections_;
  Buffer out_;  // the answers that the connection at work is writing
  std::string date_;
  SteadyTime date_until_{};
};

}  // namespace iris::http
