#include "http/server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "http/connection.hpp"
#include "http/listen.hpp"

namespace iris::http {
namespace {

using namespace std::chrono_literals;

// How often deadlines are looked at. No request has a timer of its own.
constexpr auto kTick = 100ms;
constexpr auto kDrainTick = 10ms;

// For this time a draining server accepts clients whose handshake began before the listener stopped
// taking new ones.
constexpr auto kHandshakeTime = 200ms;

// From the last large body to giving back what it needed.
constexpr auto kKeepRoom = 2s;
constexpr std::size_t kLargeOutBytes = std::size_t{256} << 10;

// Accepted at a time, before the connections that are there have their turn.
constexpr int kAcceptBatch = 64;

// So many connections are answered together at most, and only where a request takes less than that:
// else little is gained, and who waits behind slow ones becomes overdue without being told so.
// Each holds a buffer of the pool meanwhile.
constexpr std::size_t kMaxBatch = ReadBufferPool::kSpares;
constexpr auto kQuick = 50us;

// Nobody's answer waits for a request as long as that.
constexpr std::size_t kLongRequestBytes = 4096;

}  // namespace

Server::Server(EventLoop& loop, const ServerOptions& options, Handler& handler, Counters& counters,
               const Clock& clock, std::uint64_t seed)
    : loop_(loop),
      options_(options),
      handler_(handler),
      counters_(counters),
      clock_(clock),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      timer_(loop, [this] { tick(); }) {
  surplus_.reserve(kReserve);
}

Server::~Server() {
  loop_.forget_background(*this);
  close_listener();
}

void Server::listen(Fd socket, const Listening& listening) {
  listener_ = std::move(socket);
  listener_is_shared_ = listening.shared;
  if (listening.identities != nullptr) identity_.emplace(*listening.identities);
  resume_accepting();
}

void Server::resume_accepting() {
  accept_paused_ = !loop_.watch(listener_.get(), EventLoop::Interest::kRead, *this);
  if (accept_paused_) arm_tick();
}

void Server::pause_accepting() {
  if (std::exchange(accept_paused_, true)) return;
  loop_.forget(listener_.get(), *this);
  arm_tick();
}

void Server::close_listener() {
  if (!listener_) return;
  loop_.forget(listener_.get(), *this);
  listener_ = Fd();
}

void Server::on_ready(const EventLoop::Readiness&) {
  accept_queued();
}

void Server::accept_queued() {
  for (int i = 0; i < kAcceptBatch; ++i) {
    if (!accept_one()) return;
  }
  loop_.change(listener_.get(), EventLoop::Interest::kRead, *this);
}

// Returns whether there may be more.
bool Server::accept_one() {
  Connection* leaves = nullptr;
  if (is_full() && surplus_.size() >= kReserve) {
    leaves = find_idle_surplus();
    if (leaves == nullptr) {
      pause_accepting();
      return false;
    }
  }
  Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    if (leaves != nullptr) leaves->give_way();
    add(std::move(socket));
    return true;
  }
  // Out of descriptors or memory: trying at once again would spin.
  const int code = errno;
  if (code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM) pause_accepting();
  return code == ECONNABORTED || code == EINTR || code == EPROTO;
}

bool Server::is_full() const {
  return connections_.size() - surplus_.size() >= options_.max_connections;
}

// The oldest that asks for nothing; null when there is none.
Connection* Server::find_idle_surplus() {
  answer_batch();
  const auto oldest = std::find_if(surplus_.begin(), surplus_.end(),
                                   [](const Connection* one) { return one->may_give_way(); });
  return oldest == surplus_.end() ? nullptr : *oldest;
}

void Server::add(Fd socket) {
  make_room_for_one();
  const bool surplus = is_full();
  auto channel = open_channel(std::move(socket));
  if (!channel) return;
  auto connection = std::make_unique<Connection>(*this, std::move(*channel), now(), surplus);
  if (!connection->start()) return;
  connection->index = connections_.size();
  if (surplus) surplus_.push_back(connection.get());
  connections_.push_back(std::move(connection));
  counters_.accepted.add();
  counters_.connections.add();
  arm_tick();
}

// None when there is no memory for a session.
std::optional<Channel> Server::open_channel(Fd socket) {
  if (!identity_) return Channel(std::move(socket), nullptr);
  auto session = identity_->get().accept(socket);
  if (!session) return std::nullopt;
  return Channel(std::move(socket), std::move(session));
}

void Server::remove(Connection& connection) {
  counters_.closed[static_cast<std::size_t>(connection.close_reason())].add();
  counters_.connections.subtract();
  if (connection.is_put_off()) {
    refusals_.forget(connection);
    handshakes_.forget(connection);
  }
  if (connection.is_surplus()) std::erase(surplus_, &connection);
  const std::size_t index = connection.index;
  std::swap(connections_[index], connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
  finish_drain_if_done();
}

bool Server::is_overdue(const EventLoop::Readiness& readiness) const {
  const auto max_time = options_.max_queueing_time;
  return (max_time > 0ns && loop_.now() - readiness.since > max_time) ||
         (options_.max_waiting > 0 && loop_.waiting() > options_.max_waiting);
}

void Server::put_off(Connection& connection, Backlog& backlog) {
  backlog.add(connection);
  loop_.request_background(*this);
}

void Server::answer_soon(Connection& connection) {
  if (connection.received_bytes() >= kLongRequestBytes) answer_batch();
  batch_.push_back({&connection, 0});
  if (batch_.size() >= max_batch_) return answer_batch();
  loop_.request_background(*this);
}

void Server::answer_batch() {
  if (batch_.empty()) return;
  out_.clear();
  const SteadyTime start = loop_.now();
  for (auto& [connection, first] : batch_) {
    first = out_.size();
    // One that is alone has its turn since it was received.
    connection->answer_received(batch_.size() > 1 ? loop_.read_clock() : start);
  }
  const std::size_t end_of_answers = out_.size();
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    const auto [connection, first] = batch_[i];
    const std::size_t last = i + 1 < batch_.size() ? batch_[i + 1].first : end_of_answers;
    connection->send({out_.data() + first, last - first});
  }
  const SteadyTime end = loop_.now();
  handler_.written(end);
  if (end - start >= kQuick * batch_.size()) {
    max_batch_ = 1;
  } else if (batch_.size() == max_batch_ && max_batch_ < kMaxBatch) {
    ++max_batch_;  // slowly: between slow ones a quick one, such as a probe of health, tells little
  }
  batch_.clear();
  shed_heads();
}

// Between batches, as who is in one may not go.
void Server::shed_heads() {
  while (holds_too_much() && !heads_.empty()) {
    static_cast<Connection&>(heads_.oldest())
        .shed({429, "memory", "the requests under way take too much memory; try again"});
  }
}

// Where all connections are taken, the oldest request that has not even got its head across gives
// way to a client that may have more to say.
void Server::make_room_for_one() {
  if (!is_full() || heads_.empty()) return;
  answer_batch();
  if (heads_.empty()) return;
  auto& oldest = static_cast<Connection&>(heads_.oldest());
  // The end of one in the reserve makes no room within the limit.
  if (oldest.is_surplus()) return;
  oldest.shed({429, "connections", "too many connections; try again"});
}

bool Server::work(bool idle) {
  answer_batch();
  // One at a time, so that each is paid for out of the share of time.
  refusals_.work(idle, [this](Connection& connection) {
    connection.read_overdue();
    answer_batch();
  });
  handshakes_.work(idle && refusals_.empty(), [this](Connection& connection) {
    connection.read_put_off();
    answer_batch();
  });
  return !refusals_.empty() || !handshakes_.empty();
}

void Server::arm_tick() {
  if (std::exchange(ticking_, true)) return;
  timer_.expire_after(draining_ ? kDrainTick : kTick);
}

void Server::tick() {
  ticking_ = false;
  answer_batch();  // what was received has not come too late
  if (stopped_) return;
  const SteadyTime time = now();
  if (draining_ && listener_) drain_listener(time);
  // Backwards, because the last takes the place of one that is removed.
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->check(time);
  if (stopped_) return;
  if (accept_paused_ && listener_) resume_accepting();
  release_memory(time);
  if (!connections_.empty() || accept_paused_ || large_until_ || (draining_ && listener_)) {
    arm_tick();
  }
  finish_drain_if_done();
}

// Clients that send large bodies send more of them, so that the room for these is kept a while.
void Server::release_memory(SteadyTime now) {
  if (buffers_.grew() || (out_.capacity() > kLargeOutBytes && !large_until_)) {
    large_until_ = now + kKeepRoom;
  }
  if (!large_until_ || now < *large_until_) return;
  large_until_.reset();
  out_ = Buffer();
  buffers_.release_memory();
  handler_.release_memory();
}

// A listener that is closed resets what is in its queue, where a client may have sent its request
// already. So it first takes no new clients, then accepts those that were on their way, then
// closes.
void Server::drain_listener(SteadyTime time) {
  if (!listener_closes_at_) {
    const bool awaited = !listener_is_shared_ && !connections_.empty() && time < idle_until_;
    if (awaited) return;
    // The queue of a shared one is another's, too: that one answers what is in it.
    if (!listener_is_shared_) drop_new_handshakes(listener_);
    listener_closes_at_ = time + kHandshakeTime;
  } else if (time >= *listener_closes_at_) {
    if (accept_paused_) return;
    while (accept_one()) {
    }
    if (!accept_paused_) close_listener();
  }
}

void Server::drain(std::function<void()> done) {
  draining_ = true;
  idle_until_ = now() + options_.drain_idle_timeout;
  drained_ = std::move(done);
  ticking_ = true;
  timer_.expire_after(0ns);
}

void Server::finish_drain_if_done() {
  if (!draining_ || !drained_ || !connections_.empty() || listener_) return;
  stopped_ = true;
  std::exchange(drained_, nullptr)();
}

std::size_t Server::abort() {
  answer_batch();
  close_listener();
  stopped_ = true;
  std::size_t cut = 0;
  while (!connections_.empty()) {
    if (connections_.back()->cut()) ++cut;
    remove(*connections_.back());
  }
  finish_drain_if_done();
  return cut;
}

SteadyTime Server::age_deadline(SteadyTime now) {
  const double jitter = options_.max_connection_age_jitter;
  const double factor = std::uniform_real_distribution<double>(1 - jitter, 1 + jitter)(random_);
  return now + std::chrono::duration_cast<Nanoseconds>(options_.max_connection_age * factor);
}

SteadyTime Server::now() {
  const SteadyTime time = loop_.read_clock();
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
    usual_heads_ = usual_heads(date_);
    date_until_ = time + (seconds + 1s - wall);
  }
  return time;
}

}  // namespace iris::http
