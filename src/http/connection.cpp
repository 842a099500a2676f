#include "http/connection.hpp"

#include <sys/ioctl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace iris::http {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Answers to pipelined requests go out together, up to this size.
constexpr std::size_t kBatchBytes = std::size_t{64} << 10;

// A connection that wrote its last answer reads on for so long, so that bytes under way from the
// client do not provoke a reset that takes the answer with it (RFC 9112, section 9.6).
constexpr auto kLingerTime = 1s;
constexpr std::size_t kLingerBytes = std::size_t{16} << 20;

// A client in full flow sends its next request within this time of an answer; closing its
// connection earlier would reset that request.
constexpr auto kDrainGrace = 200ms;
constexpr auto kAgeGrace = 1s;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Connection::Connection(Server& server, Socket socket, SteadyTime now, bool surplus)
    : server_(server),
      socket_(std::move(socket)),
      parser_(server.options_.limits),
      surplus_(surplus),
      active_at_(now),
      age_deadline_(server.age_deadline(now)) {}

Connection::~Connection() {
  set_busy(false);
}

void Connection::read() {
  input_.make_room();
  socket_.async_read_some(
      asio::buffer(input_.room(), input_.room_bytes()),
      [this](const boost::system::error_code& ec, std::size_t count) { on_read(ec, count); });
}

void Connection::on_read(const boost::system::error_code& ec, std::size_t count) {
  if (ec) {
    const bool in_midst = state_ == State::kReading && in_request_ && socket_.is_open();
    if (in_midst && ec == asio::error::eof) return end_of_input();
    if (in_midst) close_reason_ = CloseReason::kError;
    return server_.remove(*this);
  }
  if (state_ == State::kLingering) {
    lingered_bytes_ += count;
    if (lingered_bytes_ > kLingerBytes) return server_.remove(*this);
    return read();
  }
  input_.received(count);
  read_at_ = server_.now();
  process(read_at_);
}

// The client will send no more, but may still read (half-closed).
void Connection::end_of_input() {
  read_at_ = server_.now();
  server_.out_.clear();
  refuse({400, "framing", "the connection ended within the request"});
  flush();
}

// Answers as many requests as were read, then writes.
void Connection::process(SteadyTime now) {
  server_.out_.clear();
  while (!input_.empty() && !closing_ && server_.out_.size() < kBatchBytes) {
    if (!process_one(now)) break;
  }
  flush();
}

// Returns whether a request came to its end.
bool Connection::process_one(SteadyTime now) {
  if (!in_request_) {
    // Empty lines before a request are left over by old clients (RFC 9112, section 2.2).
    const auto bytes = input_.unused();
    const auto first = bytes.find_first_not_of("\r\n");
    input_.consume(first == std::string_view::npos ? bytes.size() : first);
    if (input_.empty()) return false;
    in_request_ = true;
    continue_sent_ = false;
    deadline_ = now + server_.options_.read_timeout;
  }
  switch (parser_.feed(input_.unused())) {
    case Progress::kComplete:
      answer(now);
      return true;
    case Progress::kFault:
      refuse(parser_.fault());
      return true;
    case Progress::kBody:
      if (parser_.expects_continue() && !std::exchange(continue_sent_, true)) {
        append(server_.out_, kContinue);
      }
      return false;
    case Progress::kHead:
      return false;
  }
  return false;
}

void Connection::answer(SteadyTime now) {
  const Request request = parser_.request(input_.unused());
  server_.counters_.requests.add();
  ++requests_;
  const auto& options = server_.options_;
  if (surplus_) {
    return refuse({429, "connections", "too many connections; try again"});
  }
  if (!parser_.keep_alive()) close_when_answered(CloseReason::kClient);
  if (requests_ == options.max_requests_per_connection) close_when_answered(CloseReason::kRequests);
  if (now >= age_deadline_) close_when_answered(CloseReason::kAge);
  if (server_.draining_) close_when_answered(CloseReason::kDrain);

  Response response(server_.out_, {.date = server_.date(),
                                   .head_only = request.method == Method::kHead,
                                   .close = closing_,
                                   .keep_alive_1_0 = parser_.http_1_0()});
  server_.handler_.handle(request, response);
  response.finish();
  ++unwritten_;
  input_.consume(parser_.consumed());
  parser_.reset();
  in_request_ = false;
}

void Connection::refuse(const Fault& fault) {
  close_when_answered(CloseReason::kError);
  Response response(server_.out_, {.date = server_.date(), .close = true});
  server_.handler_.refuse(fault, response);
  response.finish();
  ++unwritten_;
  in_request_ = false;
}

void Connection::close_when_answered(CloseReason reason) {
  if (!std::exchange(closing_, true)) close_reason_ = reason;
}

// One attempt to write at once; what the socket does not take waits for its turn.
void Connection::flush() {
  auto& out = server_.out_;
  if (out.size() == 0) return proceed();
  boost::system::error_code ec;
  const std::size_t sent = socket_.write_some(asio::buffer(out.data(), out.size()), ec);
  if (ec && ec != asio::error::would_block) {
    close_reason_ = CloseReason::kError;
    return server_.remove(*this);
  }
  if (sent < out.size()) {
    rest_.assign(out.data() + sent, out.size() - sent);
    rest_sent_ = 0;
    state_ = State::kWriting;
    deadline_ = server_.now() + server_.options_.write_timeout;
    set_busy(true);
    return write_rest();
  }
  proceed();
}

void Connection::write_rest() {
  socket_.async_write_some(
      asio::buffer(rest_.data() + rest_sent_, rest_.size() - rest_sent_),
      [this](const boost::system::error_code& ec, std::size_t count) { on_write(ec, count); });
}

void Connection::on_write(const boost::system::error_code& ec, std::size_t count) {
  if (ec) {
    close_reason_ = CloseReason::kError;
    return server_.remove(*this);
  }
  rest_sent_ += count;
  if (rest_sent_ < rest_.size()) {
    deadline_ = server_.now() + server_.options_.write_timeout;
    return write_rest();
  }
  rest_ = {};
  state_ = State::kReading;
  if (in_request_) deadline_ = server_.now() + server_.options_.read_timeout;
  proceed();
}

// Everything is written: on to the next request.
void Connection::proceed() {
  if (unwritten_ > 0) {
    const SteadyTime now = server_.now();
    server_.counters_.duration.record(now - read_at_, unwritten_);
    unwritten_ = 0;
    active_at_ = now;
  }
  if (closing_) {
    linger();
    return read();
  }
  set_busy(in_request_);
  if (!input_.empty() && !in_request_) {
    // A batch was full. The other connections have their turn first.
    asio::post(socket_.get_executor(), [this] {
      if (!socket_.is_open()) return server_.remove(*this);
      read_at_ = server_.now();
      process(read_at_);
    });
    return;
  }
  input_.shrink();
  read();
}

void Connection::linger() {
  state_ = State::kLingering;
  set_busy(false);
  deadline_ = server_.now() + kLingerTime;
  input_.consume(input_.unused().size());
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Connection::check(SteadyTime now) {
  if (!socket_.is_open()) return;
  switch (state_) {
    case State::kReading:
      if (in_request_) {
        if (now < deadline_) return;
        server_.out_.clear();
        refuse({408, "read_timeout", "the request did not end in time"});
        boost::system::error_code ignored;  // the client was too slow; it may be gone
        socket_.write_some(asio::buffer(server_.out_.data(), server_.out_.size()), ignored);
        unwritten_ = 0;
        linger();  // the pending read goes on as the lingering one
      } else if (input_.empty()) {
        check_idle(now);
      }
      return;
    case State::kWriting:
    case State::kLingering:
      if (now >= deadline_) abort();
      return;
  }
}

void Connection::check_idle(SteadyTime now) {
  const auto idle = now - active_at_;
  if (server_.draining_ && idle >= kDrainGrace) return close_idle(CloseReason::kDrain);
  if (now >= age_deadline_ && idle >= kAgeGrace) return close_idle(CloseReason::kAge);
  if (idle >= server_.options_.idle_timeout) return close_idle(CloseReason::kIdle);
}

// The pending read goes on as the lingering one.
void Connection::close_idle(CloseReason reason) {
  if (bytes_are_waiting()) return;
  close_when_answered(reason);
  linger();
}

bool Connection::bytes_are_waiting() {
  int count = 0;
  return ioctl(socket_.native_handle(), FIONREAD, &count) == 0 && count > 0;
}

bool Connection::abort() {
  const bool lost = state_ == State::kWriting || (state_ == State::kReading && in_request_);
  if (lost) close_reason_ = CloseReason::kError;
  boost::system::error_code ignored;
  socket_.close(ignored);
  return lost;
}

void Connection::set_busy(bool busy) {
  if (busy == busy_) return;
  busy_ = busy;
  if (busy) {
    server_.counters_.in_flight.add();
  } else {
    server_.counters_.in_flight.subtract();
  }
}

}  // namespace iris::http
