// A client's socket, plain or within TLS. Nothing here waits.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/fd.hpp"
#include "http/event_loop.hpp"
#include "http/tls.hpp"

namespace iris::http {

class Channel {
 public:
  // What receive() and send() return in place of a number of bytes.
  static constexpr ssize_t kEnd = 0;     // the client sends no more
  static constexpr ssize_t kAgain = -1;  // nothing now; the loop tells when
  static constexpr ssize_t kBroken = -2;

  // Without a session the socket is spoken to in clear.
  Channel(Fd socket, std::unique_ptr<TlsSession> session)
      : socket_(std::move(socket)), session_(std::move(session)) {}

  int fd() const { return socket_.get(); }

  ssize_t receive(char* room, std::size_t size) {
    if (session_) return session_->receive(room, size);
    return result(::recv(socket_.get(), room, size, 0));
  }

  // The first bytes of what receive() would give, which stay there. None within TLS, where they
  // are not yet decrypted.
  std::string_view peek(std::span<char> room) const {
    if (session_) return {};
    const ssize_t count = ::recv(socket_.get(), room.data(), room.size(), MSG_PEEK | MSG_DONTWAIT);
    return {room.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }
  bool is_encrypted() const { return session_ != nullptr; }

  ssize_t send(const char* bytes, std::size_t size) {
    if (session_) return session_->send(bytes, size);
    return result(::send(socket_.get(), bytes, size, MSG_NOSIGNAL));
  }

  // Says the end to the client, which may send on.
  void end_sending() {
    if (session_) session_->end_sending();
    ::shutdown(socket_.get(), SHUT_WR);
  }

  // There is more to receive that the loop will not tell of, unless asked again.
  bool holds_more() const { return session_ && session_->holds_more(); }

  // No byte of a request can have come yet.
  bool in_handshake() const { return session_ && session_->in_handshake(); }

  // TLS may have to write before it can read on. Its being told of both costs nothing: a socket
  // that has room all the time is no change.
  EventLoop::Interest interest(EventLoop::Interest wanted) const {
    return session_ ? EventLoop::Interest::kReadAndWrite : wanted;
  }

 private:
  static ssize_t result(ssize_t count) {
    if (count >= 0) return count;
    const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return again ? kAgain : kBroken;
  }

  Fd socket_;
  std::unique_ptr<TlsSession> session_;
};

}  // namespace iris::http
