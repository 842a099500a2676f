// The connections of one thread: accepts them, holds them, enforces their deadlines, drains them.
// Everything here happens in the thread that runs the loop.
//
//   Server server(loop, options, handler, counters, clock, seed);
//   server.listen(std::move(fd));
//   loop.run();                                 // elsewhere: loop.post([&] { server.drain(done);
//   })
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/limits.hpp"
#include "base/replaceable.hpp"
#include "http/backlog.hpp"
#include "http/channel.hpp"
#include "http/counters.hpp"
#include "http/event_loop.hpp"
#include "http/handler.hpp"
#include "http/head_queue.hpp"
#include "http/read_buffer.hpp"
#include "http/request_parser.hpp"
#include "http/tls.hpp"

namespace iris::http {

class Connection;

struct ServerOptions {
  ParserLimits limits{};
  Nanoseconds read_timeout = std::chrono::seconds(10);   // from a request's first byte to its last
  Nanoseconds idle_timeout = std::chrono::seconds(620);  // without a request
  Nanoseconds write_timeout = std::chrono::seconds(10);  // without a byte taken by the client
  Nanoseconds max_connection_age = std::chrono::seconds(300);
  double max_connection_age_jitter = 0.2;         // ± this fraction, for each connection its own
  std::uint64_t max_requests_per_connection = 0;  // 0: no bound
  // Above these only vital requests are answered; others get 429. See Server::kReserve. Those whose
  // request's head has begun and not ended are closed in favour of new ones, the oldest first.
  std::size_t max_connections = 10'000;
  // How long a drain waits for the next request on an idle connection, which then learns of the end
  // from the answer.
  Nanoseconds drain_idle_timeout = std::chrono::seconds(10);
  // Bytes of requests partly read and of answers not yet taken. Beyond it unfinished heads go
  // first, then those that add to it.
  std::size_t max_held_bytes = limits::kHeldBytes;
  // Admission; 0: no bound. A request that finds more than so many others ready, or that waited
  // for longer, is told to the handler as overdue.
  std::size_t max_waiting = 0;
  Nanoseconds max_queueing_time{0};
};

// The certificate that new connections are greeted with; a server without one speaks in clear.
using TlsIdentities = Replaceable<TlsIdentity>;

struct Listening {
  const TlsIdentities* identities = nullptr;  // what is accepted is spoken to within TLS
  // Another process has the same socket: when this one drains, new connections are left to it.
  bool shared = false;
};

class Server final : EventLoop::Watcher, EventLoop::Background {
 public:
  // So many connections above the limit are held at a time. A new one takes the place of the oldest
  // that has asked for nothing, so that silent clients do not keep out a probe of health.
  static constexpr std::size_t kReserve = 64;

  // Throws std::system_error when the process is out of descriptors.
  Server(EventLoop& loop, const ServerOptions& options, Handler& handler, Counters& counters,
         const Clock& clock, std::uint64_t seed);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void listen(Fd socket, const Listening& listening = {});

  // Answers on, with "Connection: close", and accepts while there are connections, for
  // drain_idle_timeout at most. Then closes the listener and the connections that are idle, and
  // calls `done` once when nothing is left.
  void drain(std::function<void()> done);

  // Ends everything at once; returns how many requests lost their answer.
  std::size_t abort();

  std::size_t connections() const { return connections_.size(); }

 private:
  friend class Connection;

  void on_ready(const EventLoop::Readiness& readiness) override;  // a connection is in the queue
  void pause_accepting();
  void resume_accepting();
  void drain_listener(SteadyTime time);
  void close_listener();
  bool is_full() const;
  Connection* find_idle_surplus();
  void accept_queued();
  bool accept_one();
  void add(Fd socket);
  std::optional<Channel> open_channel(Fd socket);
  void remove(Connection& connection);
  void arm_tick();
  void release_memory(SteadyTime now);
  void tick();
  void finish_drain_if_done();
  SteadyTime age_deadline(SteadyTime now);
  bool is_overdue(const EventLoop::Readiness& readiness) const;
  void put_off(Connection& connection, Backlog& backlog);
  void answer_soon(Connection& connection);
  void answer_batch();
  bool holds_too_much() const { return held_bytes_ > options_.max_held_bytes; }
  void shed_heads();
  void make_room_for_one();
  std::string_view written_from(std::size_t first) const {
    return {out_.data() + first, out_.size() - first};
  }
  bool work(bool idle) override;

  // The time now, and the Date field that goes with it.
  SteadyTime now();
  std::string_view date() const { return {date_.data(), date_.size()}; }

  EventLoop& loop_;
  const ServerOptions options_;
  Handler& handler_;
  Counters& counters_;
  const Clock& clock_;
  std::minstd_rand random_;
  Fd listener_;
  std::optional<TlsIdentities::View> identity_;
  Timer timer_;
  bool ticking_ = false;
  bool accept_paused_ = false;  // out of descriptors; the tick tries again
  bool stopped_ = false;
  bool draining_ = false;
  bool listener_is_shared_ = false;
  SteadyTime idle_until_{};  // of a drain: then it waits no longer for idle connections
  std::optional<SteadyTime> listener_closes_at_;
  std::function<void()> drained_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> surplus_;  // those of them above the limit, the oldest first
  // Refusing an overdue request costs nearly as much as answering it, and a handshake fifty times
  // as much: neither may take the time of those who wait for answers.
  Backlog refusals_{loop_, 0.05};
  Backlog handshakes_{loop_, 0.5};
  // Connections that have received: their answers are made one after the other and then sent, so
  // that each step finds its code in the cache. Empty between the turns of the loop.
  struct Received {
    Connection* connection;
    std::size_t first;  // where its answers begin in `out_`
  };
  std::vector<Received> batch_;
  std::size_t max_batch_ = 1;
  ReadBufferPool buffers_;
  std::optional<SteadyTime> large_until_;  // so long the room for large bodies is kept
  std::size_t held_bytes_ = 0;             // over all connections, see max_held_bytes
  HeadQueue heads_;
  // The answers that are being written; who writes begins behind what is there.
  Buffer out_;
  std::string date_;
  UsualHeads usual_heads_;  // with that date
  SteadyTime date_until_{};
};

}  // namespace iris::http
