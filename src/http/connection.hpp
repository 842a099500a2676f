// One client's connection: reads requests, has them answered in order, writes the answers.
//
// At any time exactly one operation is pending (a read, a write or a posted continuation), and only
// its completion removes the connection. Whoever wants to end a connection from outside closes the
// socket; the pending operation then completes and removes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "http/read_buffer.hpp"
#include "http/request_parser.hpp"
#include "http/server.hpp"

namespace iris::http {

class Connection {
 public:
  // One that is `surplus` is told so when it asks, and closed.
  Connection(Server& server, Socket socket, SteadyTime now, bool surplus);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() { read(); }
  CloseReason close_reason() const { return close_reason_; }

  // Enforces the deadlines.
  void check(SteadyTime now);

  // Ends at once; true when a request lost its answer.
  bool abort();

  std::size_t index = 0;  // the place in the server's list

 private:
  enum class State {
    kReading,    // waits for a request or the rest of one
    kWriting,    // the client does not take its answers fast enough; nothing is read meanwhile
    kLingering,  // has said its last; reads until the client has, too
  };

  void read();
  void on_read(const boost::system::error_code& ec, std::size_t count);
  void on_write(const boost::system::error_code& ec, std::size_t count);

  void process(SteadyTime now);
  bool process_one(SteadyTime now);
  void answer(SteadyTime now);
  void refuse(const Fault& fault);
  void end_of_input();
  void flush();
  void proceed();
  void write_rest();
  void linger();

  void close_when_answered(CloseReason reason);
  void close_idle(CloseReason reason);
  bool bytes_are_waiting();
  void check_idle(SteadyTime now);
  void set_busy(bool busy);

  Server& server_;
  Socket socket_;
  RequestParser parser_;
  ReadBuffer input_;
  std::string rest_;  // answers the socket would not take at once
  std::size_t rest_sent_ = 0;
  State state_ = State::kReading;
  CloseReason close_reason_ = CloseReason::kClient;
  const bool surplus_;
  bool closing_ = false;     // the answer that was written last is the last
  bool in_request_ = false;  // the first byte of a request was read, its last was not
  bool continue_sent_ = false;
  bool busy_ = false;  // counted in Counters::in_flight
  std::uint64_t requests_ = 0;
  std::uint64_t unwritten_ = 0;  // answers since the last write
  std::size_t lingered_bytes_ = 0;
  SteadyTime read_at_{};   // when the bytes at work were read
  SteadyTime active_at_;   // when it was opened or last answered
  SteadyTime deadline_{};  // of the request, the write or the lingering, by state
  SteadyTime age_deadline_;
};

}  // namespace iris::http
