// One client's connection: reads requests, has them answered in order, writes the answers.
//
// It waits either to read or to write, never for both: while a client does not take its answers,
// nothing more is read from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/channel.hpp"
#include "http/event_loop.hpp"
#include "http/head_queue.hpp"
#include "http/read_buffer.hpp"
#include "http/request_parser.hpp"
#include "http/server.hpp"

namespace iris::http {

class Connection final : public EventLoop::Watcher, public HeadPlace {
 public:
  // One that is `surplus` has a vital request answered, is told to try again otherwise, and is
  // closed.
  Connection(Server& server, Channel channel, SteadyTime now, bool surplus);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to read; false when it cannot be watched.
  bool start();
  void on_ready(const EventLoop::Readiness& readiness) override;

  // The two steps that follow once the server was told of received bytes: the answers are written
  // into its buffer, and sent from there when others have theirs behind them. send() may remove the
  // connection, as on_ready() may.
  void answer_received(SteadyTime turn);
  void send(std::string_view answers);
  std::size_t received_bytes() const { return input_.unused().size(); }

  // Enforces the deadlines. May remove the connection, as on_ready() may.
  void check(SteadyTime now);

  // Does what on_ready() put off; read_overdue() has what comes of it refused.
  void read_put_off();
  void read_overdue();
  bool is_put_off() const { return put_off_; }

  // It is about to be removed by force; true when a request loses its answer.
  bool cut();

  // Ends it at once, to make room; `fault` says of what. Removes the connection. Only for one whose
  // head has not ended.
  void shed(const Fault& fault);
  // A surplus connection may be removed in favour of a new one while it has asked for nothing.
  bool is_surplus() const { return surplus_; }
  bool may_give_way() const;
  void give_way();

  CloseReason close_reason() const { return close_reason_; }

  std::size_t index = 0;  // the place in the server's list

 private:
  enum class State {
    kReading,    // waits for a request or the rest of one
    kWriting,    // waits to write: the rest of answers, or answers to what was read already
    kLingering,  // has ended its sending side; reads until the client ends its own
  };

  void await(EventLoop::Interest interest);
  void read(bool ended);
  void make_room();
  void settle_input();
  void write_rest();

  bool process_one(SteadyTime now);
  void answer(SteadyTime now);
  void await_answer(const std::shared_ptr<Later>& later, const ResponseOptions& options);
  void answer_now(const Later::Write& write, ResponseOptions options);
  void refuse(const Fault& fault);
  void end_of_input();
  void send_refusal(const Fault& fault);
  void proceed();
  void await_writing();
  void linger();
  void put_off(Backlog& backlog, bool ended);
  void fail(CloseReason reason = CloseReason::kError);

  void close_when_answered(CloseReason reason);
  void close_idle(CloseReason reason);
  bool bytes_are_waiting() const;
  bool more_is_received() const;
  bool is_read_when_overdue() const;
  void count_late();
  void check_handshake(SteadyTime now);
  void check_request(SteadyTime now);
  void check_idle(SteadyTime now);
  void set_busy(bool busy);
  void count_held_bytes();

  Server& server_;
  Channel channel_;
  RequestParser parser_;
  ReadBuffer input_;
  std::shared_ptr<Later> later_;  // the answer that is to come, while there is one
  std::string rest_;              // answers the socket would not take at once
  std::size_t rest_sent_ = 0;
  std::size_t held_bytes_ = 0;  // of input_ and rest_, as far as the server counts them
  State state_ = State::kReading;
  CloseReason close_reason_ = CloseReason::kClient;
  const bool surplus_;
  bool closing_ = false;     // the answer that was written last is the last
  bool in_request_ = false;  // the first byte of a request was read, its last was not
  bool continue_sent_ = false;
  bool busy_ = false;     // counted in Counters::in_flight
  bool put_off_ = false;  // ready to be read, and waits for the server to have time for it
  bool put_off_end_ = false;
  bool overdue_ = false;  // the request at work waited too long
  bool late_ = false;     // counted in Counters::late
  std::uint64_t requests_ = 0;
  std::uint64_t unwritten_ = 0;  // answers since the last write
  std::size_t lingered_bytes_ = 0;
  SteadyTime ready_at_{};  // when the loop heard of the first byte of the request at work
  SteadyTime turn_at_{};   // when the turn of the bytes at work came
  SteadyTime active_at_;   // when it was opened or last answered
  SteadyTime deadline_{};  // of the request, the write or the lingering, by state
  SteadyTime age_deadline_;
};

}  // namespace iris::http
