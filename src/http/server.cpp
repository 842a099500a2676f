#include "http/server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "http/connection.hpp"

namespace iris::http {
namespace {

using namespace std::chrono_literals;

// How often deadlines are looked at. No request has a timer of its own.
constexpr auto kTick = 100ms;
constexpr auto kDrainTick = 10ms;

// Accepted at a time, before the connections that are there have their turn.
constexpr int kAcceptBatch = 64;

// Connections above the limit that are held to be told so; above these, clients wait in the queue.
constexpr std::size_t kRefusedAtATime = 64;

}  // namespace

Server::Server(boost::asio::io_context& io, const ServerOptions& options, Handler& handler,
               Counters& counters, const Clock& clock, std::uint64_t seed)
    : io_(io),
      options_(options),
      handler_(handler),
      counters_(counters),
      clock_(clock),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      acceptor_(io.get_executor()),
      timer_(io.get_executor()) {}

Server::~Server() = default;

void Server::listen(Fd socket) {
  int family = AF_INET;
  socklen_t size = sizeof family;
  getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
  const auto protocol =
      family == AF_INET6 ? boost::asio::ip::tcp::v6() : boost::asio::ip::tcp::v4();
  acceptor_.assign(protocol, socket.release());
  await_connection();
}

void Server::await_connection() {
  if (std::exchange(awaiting_, true)) return;
  acceptor_.async_wait(Acceptor::wait_read, [this](const boost::system::error_code& ec) {
    awaiting_ = false;
    if (ec) return;  // closed
    accept_queued();
    if (!accept_paused_) await_connection();
  });
}

void Server::accept_queued() {
  for (int i = 0; i < kAcceptBatch; ++i) {
    if (!accept_one()) return;
  }
}

// Returns whether there may be more.
bool Server::accept_one() {
  accept_paused_ = connections_.size() >= options_.max_connections + kRefusedAtATime;
  if (accept_paused_) {
    arm_tick();
    return false;
  }
  Fd socket(accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    add(std::move(socket));
    return true;
  }
  // Out of descriptors or memory: trying at once again would spin.
  const int code = errno;
  accept_paused_ = code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
  if (accept_paused_) arm_tick();
  return code == ECONNABORTED || code == EINTR || code == EPROTO;
}

void Server::add(Fd fd) {
  Socket socket(io_.get_executor());
  boost::system::error_code ec;
  socket.assign(acceptor_.local_endpoint(ec).protocol(), fd.get(), ec);
  if (ec) return;
  fd.release();
  socket.non_blocking(true, ec);
  const bool surplus = connections_.size() >= options_.max_connections;
  connections_.push_back(std::make_unique<Connection>(*this, std::move(socket), now(), surplus));
  connections_.back()->index = connections_.size() - 1;
  counters_.accepted.add();
  counters_.connections.add();
  connections_.back()->start();
  arm_tick();
}

void Server::remove(Connection& connection) {
  counters_.closed[static_cast<std::size_t>(connection.close_reason())].add();
  counters_.connections.subtract();
  const std::size_t index = connection.index;
  std::swap(connections_[index], connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
  finish_drain_if_done();
}

void Server::arm_tick() {
  if (std::exchange(ticking_, true)) return;
  timer_.expires_after(draining_ ? kDrainTick : kTick);
  timer_.async_wait([this](const boost::system::error_code&) {
    ticking_ = false;
    if (!stopped_) tick();  // also when cancelled: the drain wants it at once
  });
}

void Server::tick() {
  const SteadyTime time = now();
  for (const auto& connection : connections_) connection->check(time);
  if (accept_paused_ && acceptor_.is_open()) {
    accept_queued();
    if (!accept_paused_) await_connection();
  }
  if (!connections_.empty() || accept_paused_) arm_tick();
  finish_drain_if_done();
}

void Server::drain(std::function<void()> done) {
  draining_ = true;
  drained_ = std::move(done);
  arm_tick();
  timer_.cancel();
}

void Server::finish_drain_if_done() {
  if (!draining_ || !drained_ || !connections_.empty()) return;
  if (acceptor_.is_open()) accept_queued();
  if (!connections_.empty()) return;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  stopped_ = true;
  timer_.cancel();
  std::exchange(drained_, nullptr)();
}

std::size_t Server::abort() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  stopped_ = true;
  timer_.cancel();
  const auto cut = std::count_if(connections_.begin(), connections_.end(),
                                 [](const auto& connection) { return connection->abort(); });
  finish_drain_if_done();
  return static_cast<std::size_t>(cut);
}

SteadyTime Server::age_deadline(SteadyTime now) {
  const double jitter = options_.max_connection_age_jitter;
  const double factor = std::uniform_real_distribution<double>(1 - jitter, 1 + jitter)(random_);
  return now + std::chrono::duration_cast<Nanoseconds>(options_.max_connection_age * factor);
}

SteadyTime Server::now() {
  const SteadyTime time = clock_.steady();
  if (time >= date_until_) {
    const auto wall = clock_.wall().time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(wall);
    const std::time_t value = seconds.count();
    std::tm parts{};
    gmtime_r(&value, &parts);
    char text[64];
    const auto size =
        std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    date_.assign(text, size);
    date_until_ = time + (seconds + 1s - wall);
  }
  return time;
}

}  // namespace iris::http
