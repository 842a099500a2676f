#include "http/connection.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <utility>

#include "http/head_text.hpp"

namespace iris::http {
namespace {

using namespace std::chrono_literals;

// Answers to pipelined requests go out together, up to this size.
constexpr std::size_t kBatchBytes = std::size_t{64} << 10;

// A connection whose sending side has ended reads on for so long, so that bytes under way from the
// client do not provoke a reset that takes the last answer with it (RFC 9112, section 9.6), and so
// that a request among them is counted.
constexpr auto kLingerTime = 2s;
constexpr std::size_t kLingerBytes = std::size_t{16} << 20;

// A connection that was accepted or answered so short a time ago is not idle: its client may be
// about to send.
constexpr auto kDrainGrace = 1s;

// A connection above the limit has so long to ask for something.
constexpr auto kSurplusTime = 2s;

// A request line is looked for in so many bytes.
constexpr std::size_t kPeekBytes = 64;

// A client that is amidst the handshake when the server drains has so long to end it.
constexpr auto kDrainHandshakeTime = 1s;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Fault too_many_connections() {
  return {429, "connections", "too many connections; try again"};
}

// The path of a request line in origin form, without its query; empty when it is not whole.
std::string_view path_of(std::string_view line) {
  const auto begin = std::min(line.find(' '), line.size() - 1) + 1;
  const auto end = line.find_first_of(" ?", begin);
  return end == std::string_view::npos ? std::string_view{} : line.substr(begin, end - begin);
}

}  // namespace

Connection::Connection(Server& server, Channel channel, SteadyTime now, bool surplus)
    : server_(server),
      channel_(std::move(channel)),
      parser_(server.options_.limits),
      surplus_(surplus),
      active_at_(now),
      age_deadline_(server.age_deadline(now)) {}

Connection::~Connection() {
  if (later_) later_->deliver_ = nullptr;
  server_.loop_.forget(channel_.fd(), *this);
  set_busy(false);
  server_.held_bytes_ -= held_bytes_;
  server_.buffers_.give(std::move(input_));
}

bool Connection::start() {
  return server_.loop_.watch(channel_.fd(), channel_.interest(EventLoop::Interest::kRead), *this);
}

void Connection::await(EventLoop::Interest interest) {
  server_.loop_.change(channel_.fd(), channel_.interest(interest), *this);
}

void Connection::on_ready(const EventLoop::Readiness& readiness) {
  if (state_ == State::kWriting) return write_rest();
  if (later_) return;  // answer_now() looks again
  if (!in_request_ && !put_off_) ready_at_ = readiness.since;
  if (put_off_) {
    put_off_end_ |= readiness.ended;
  } else if (state_ == State::kReading && channel_.in_handshake()) {
    put_off(server_.handshakes_, readiness.ended);
  } else if (state_ == State::kReading && server_.is_overdue(readiness)) {
    if (!is_read_when_overdue()) return put_off(server_.refusals_, readiness.ended);
    overdue_ = true;
    read(readiness.ended);
  } else {
    read(readiness.ended);
  }
}

// A probe of health must not wait behind the refusals of others. Within TLS the first request is
// read, whatever it is: refusing it costs little beside the handshake that came before.
bool Connection::is_read_when_overdue() const {
  if (channel_.is_encrypted()) return requests_ == 0;
  if (in_request_ || !input_.empty()) return false;
  std::array<char, kPeekBytes> room{};
  const auto line = channel_.peek(room);
  return !line.empty() && server_.handler_.is_vital(path_of(line));
}

void Connection::put_off(Backlog& backlog, bool ended) {
  put_off_ = true;
  put_off_end_ = ended;
  server_.put_off(*this, backlog);
}

void Connection::read_put_off() {
  put_off_ = false;
  read(put_off_end_);
}

void Connection::read_overdue() {
  overdue_ = true;
  read_put_off();
}

void Connection::read(bool ended) {
  turn_at_ = server_.loop_.now();
  make_room();
  const bool in_handshake = channel_.in_handshake();
  const ssize_t count = channel_.receive(input_.room(), input_.room_bytes());
  if (in_handshake) {
    if (count == Channel::kBroken) return fail(CloseReason::kHandshake);
    if (!channel_.in_handshake()) active_at_ = server_.now();
  }
  if (count == Channel::kAgain) return settle_input();
  if (count <= 0) {
    const bool in_midst = state_ == State::kReading && in_request_;
    if (in_midst && count == Channel::kEnd) return end_of_input();
    return in_midst ? fail() : server_.remove(*this);
  }
  // There is more behind these bytes, be it the end: after the turn of the others.
  const bool more = ended || static_cast<std::size_t>(count) == input_.room_bytes();
  if (more || channel_.holds_more()) await(EventLoop::Interest::kRead);
  if (state_ == State::kLingering) {
    count_late();
    settle_input();
    lingered_bytes_ += static_cast<std::size_t>(count);
    if (lingered_bytes_ > kLingerBytes) server_.remove(*this);
    return;
  }
  input_.received(static_cast<std::size_t>(count));
  server_.answer_soon(*this);
}

void Connection::make_room() {
  if (input_.capacity() == 0) input_ = server_.buffers_.take();
  if (input_.room_bytes() > 0) return;
  input_.compact();
  if (input_.room_bytes() == 0) server_.buffers_.grow(input_);
}

// Between requests a connection holds no memory but its own; within one, not much more than it
// needs.
void Connection::settle_input() {
  if (input_.empty()) {
    if (input_.capacity() > 0) server_.buffers_.give(std::move(input_));
  } else {
    const auto wanted = std::max(ReadBuffer::kSmallBytes, 2 * input_.unused().size());
    if (wanted < input_.capacity() / 4) input_.reserve(wanted);
  }
  count_held_bytes();
}

void Connection::count_held_bytes() {
  const std::size_t held = input_.capacity() + parser_.held_bytes() + rest_.size();
  server_.held_bytes_ += held - held_bytes_;
  held_bytes_ = held;
}

void Connection::fail(CloseReason reason) {
  close_reason_ = reason;
  server_.remove(*this);
}

// The client will send no more, but may still read (half-closed).
void Connection::end_of_input() {
  send_refusal({400, "framing", "the connection ended within the request"});
}

// As many requests as were read.
void Connection::answer_received(SteadyTime turn) {
  const std::size_t first = server_.out_.size();
  for (SteadyTime now = turn; !input_.empty() && !closing_ && !later_;
       now = server_.loop_.read_clock()) {
    if (!process_one(now) || input_.empty()) break;
    if (server_.out_.size() - first >= kBatchBytes) break;
  }
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
    const auto patience = server_.options_.read_timeout;
    deadline_ = now + (surplus_ ? std::min<Nanoseconds>(patience, kSurplusTime) : patience);
  }
  const Progress progress = parser_.feed(input_.unused());
  if (progress == Progress::kHead) {
    server_.heads_.add(*this);
  } else {
    leave();
  }
  switch (progress) {
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
  Request request = parser_.request(input_.unused());
  request.ready_at = ready_at_;
  request.turn_at = now;
  request.overdue = overdue_;
  server_.counters_.requests.add();
  ++requests_;
  const auto& options = server_.options_;
  if (surplus_) {
    if (!server_.handler_.is_vital(request.path)) return refuse(too_many_connections());
    close_when_answered(CloseReason::kRequests);
  }
  if (!parser_.keep_alive()) close_when_answered(CloseReason::kClient);
  if (requests_ == options.max_requests_per_connection) close_when_answered(CloseReason::kRequests);
  const bool aged = now >= age_deadline_;
  if ((aged || server_.draining_) && !more_is_received()) {
    close_when_answered(aged ? CloseReason::kAge : CloseReason::kDrain);
  }

  const ResponseOptions response_options{.date = server_.date(),
                                         .usual = &server_.usual_heads_,
                                         .head_only = request.method == Method::kHead,
                                         .close = closing_,
                                         .keep_alive_1_0 = parser_.http_1_0(),
                                         .request_id = request.request_id};
  Response response(server_.out_, response_options);
  server_.handler_.handle(request, response);
  if (response.later()) {
    await_answer(response.later(), response_options);
  } else {
    response.finish();
    ++unwritten_;
  }
  input_.consume(parser_.consumed());
  parser_.reset();
  in_request_ = false;
}

void Connection::await_answer(const std::shared_ptr<Later>& later, const ResponseOptions& options) {
  later_ = later;
  later_->deliver_ = [this, options](const Later::Write& write) { answer_now(write, options); };
}

void Connection::answer_now(const Later::Write& write, ResponseOptions options) {
  later_ = nullptr;
  turn_at_ = server_.now();
  options.date = server_.date();
  options.usual = &server_.usual_heads_;
  options.request_id = {};  // it was the request's, which is gone
  const std::size_t first = server_.out_.size();
  Response response(server_.out_, options);
  write(response);
  response.finish();
  ++unwritten_;
  // Answers to what came before it may wait to be taken.
  if (state_ == State::kWriting) {
    rest_.append(server_.written_from(first));
    return count_held_bytes();
  }
  // What arrived meanwhile was not looked at.
  await(EventLoop::Interest::kRead);
  send(server_.written_from(first));
}

void Connection::refuse(const Fault& fault) {
  leave();
  close_when_answered(CloseReason::kError);
  const Request request = read_refused_head(input_.unused());
  Response response(server_.out_, {.date = server_.date(),
                                   .head_only = request.method == Method::kHead,
                                   .close = true,
                                   .request_id = request.request_id});
  server_.handler_.refuse(fault, request, response);
  response.finish();
  ++unwritten_;
  in_request_ = false;
}

void Connection::send_refusal(const Fault& fault) {
  const std::size_t first = server_.out_.size();
  refuse(fault);
  send(server_.written_from(first));
}

void Connection::close_when_answered(CloseReason reason) {
  if (!std::exchange(closing_, true)) close_reason_ = reason;
}

// One attempt to write at once; what the socket does not take waits for its turn.
void Connection::send(std::string_view answers) {
  if (answers.empty()) return proceed();
  const ssize_t sent = channel_.send(answers.data(), answers.size());
  server_.now();  // what is measured ends here
  if (sent == Channel::kBroken) return fail();
  const auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  if (taken == answers.size()) return proceed();
  // A client that does not take its answers must not fill the memory with them.
  if (server_.held_bytes_ > server_.options_.max_held_bytes) return fail();
  rest_.assign(answers.substr(taken));
  rest_sent_ = 0;
  count_held_bytes();
  set_busy(true);
  await_writing();
}

void Connection::await_writing() {
  deadline_ = server_.now() + server_.options_.write_timeout;
  if (state_ == State::kWriting) return;
  state_ = State::kWriting;
  await(EventLoop::Interest::kWrite);
}

void Connection::write_rest() {
  if (rest_sent_ < rest_.size()) {
    const ssize_t sent = channel_.send(rest_.data() + rest_sent_, rest_.size() - rest_sent_);
    if (sent == Channel::kBroken) return fail();
    if (sent > 0) rest_sent_ += static_cast<std::size_t>(sent);
    if (rest_sent_ < rest_.size()) {
      if (sent > 0) await_writing();  // a client that takes something has its time anew
      return;
    }
    std::string().swap(rest_);  // assigning an empty one would keep the memory
    rest_sent_ = 0;
  }
  state_ = State::kReading;
  await(EventLoop::Interest::kRead);
  const SteadyTime now = server_.now();
  if (in_request_) deadline_ = now + server_.options_.read_timeout;
  if (unwritten_ > 0 || closing_) return proceed();
  turn_at_ = now;
  server_.answer_soon(*this);
}

// Everything is written: on to the next request.
void Connection::proceed() {
  if (unwritten_ > 0) {
    const SteadyTime now = server_.loop_.now();
    server_.counters_.duration.record(now - turn_at_, unwritten_);
    unwritten_ = 0;
    active_at_ = now;
  }
  if (later_) return set_busy(true);
  if (closing_) return linger();
  set_busy(in_request_);
  // A batch was full. The other connections have their turn first: this one can be written to, so
  // the loop comes back to it at once.
  if (!input_.empty() && !in_request_) return await_writing();
  if (input_.empty()) overdue_ = false;
  settle_input();
  // Those whose head has not ended go first, see shed_heads().
  if (held_bytes_ > 0 && server_.holds_too_much() && server_.heads_.empty()) {
    send_refusal({429, "memory", "the requests under way take too much memory; try again"});
  }
}

// The client may not get to read why: its own bytes are under way still, and are answered by a
// reset.
void Connection::shed(const Fault& fault) {
  const std::size_t first = server_.out_.size();
  refuse(fault);
  const auto answer = server_.written_from(first);
  channel_.send(answer.data(), answer.size());
  close_reason_ = CloseReason::kShed;
  server_.remove(*this);
}

// Reads on, until the client ends the connection or the deadline does.
void Connection::linger() {
  state_ = State::kLingering;
  set_busy(false);
  deadline_ = server_.now() + kLingerTime;
  if (!input_.empty()) count_late();
  input_.consume(input_.unused().size());
  settle_input();
  channel_.end_sending();
}

void Connection::check(SteadyTime now) {
  switch (state_) {
    case State::kReading:
      if (put_off_ || later_) return;  // it is the server that is late
      if (channel_.in_handshake()) {
        check_handshake(now);
      } else if (in_request_) {
        check_request(now);
      } else if (input_.empty()) {
        check_idle(now);
      }
      return;
    case State::kWriting:
      if (now >= deadline_) fail();
      return;
    case State::kLingering:
      if (now >= deadline_) server_.remove(*this);
      return;
  }
}

void Connection::check_handshake(SteadyTime now) {
  auto patience = server_.options_.read_timeout;
  if (server_.draining_) patience = std::min<Nanoseconds>(patience, kDrainHandshakeTime);
  if (now - active_at_ >= patience) fail(CloseReason::kHandshake);
}

void Connection::check_request(SteadyTime now) {
  if (now < deadline_) return;
  const std::size_t first = server_.out_.size();
  refuse(surplus_ ? too_many_connections()
                  : Fault{408, "read_timeout", "the request did not end in time"});
  // Whether it arrives is not waited for: the client was too slow already.
  const auto answer = server_.written_from(first);
  channel_.send(answer.data(), answer.size());
  unwritten_ = 0;
  linger();
}

// A connection that has come of age is not closed for that while it is idle: its client may have
// sent a request that is still on its way, and would lose it.
void Connection::check_idle(SteadyTime now) {
  const auto idle = now - active_at_;
  if (surplus_ && idle >= kSurplusTime) return close_idle(CloseReason::kError);
  if (server_.draining_ && now >= server_.idle_until_ && idle >= kDrainGrace) {
    return close_idle(CloseReason::kDrain);
  }
  if (idle >= server_.options_.idle_timeout) return close_idle(CloseReason::kIdle);
}

void Connection::close_idle(CloseReason reason) {
  if (bytes_are_waiting()) return;
  close_when_answered(reason);
  linger();
}

bool Connection::bytes_are_waiting() const {
  int count = 0;
  return ioctl(channel_.fd(), FIONREAD, &count) == 0 && count > 0;
}

// Behind the request at work.
bool Connection::more_is_received() const {
  return input_.unused().size() > parser_.consumed() || bytes_are_waiting();
}

// What a client sends after it was refused, or after it asked for the end itself, is no request.
void Connection::count_late() {
  const bool ended_by_us =
      close_reason_ != CloseReason::kError && close_reason_ != CloseReason::kClient;
  if (ended_by_us && !std::exchange(late_, true)) server_.counters_.late.add();
}

bool Connection::may_give_way() const {
  if (state_ == State::kLingering) return true;
  return state_ == State::kReading && !put_off_ && !later_ && !bytes_are_waiting();
}

void Connection::give_way() {
  if (state_ != State::kLingering) close_reason_ = CloseReason::kError;
  server_.remove(*this);
}

bool Connection::cut() {
  if (state_ == State::kLingering && bytes_are_waiting()) count_late();
  const bool asked = in_request_ || later_ || bytes_are_waiting();
  const bool lost = state_ == State::kWriting || (state_ == State::kReading && asked);
  if (lost) close_reason_ = CloseReason::kError;
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
