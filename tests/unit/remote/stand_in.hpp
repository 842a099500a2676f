// A web server in the test's own process that answers as the test says, faults included.
//
//   StandIn server([](const Asked& asked, int number) { return answer(200, "content"); });
//   … server.url() …
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"

namespace iris::remote {

struct Asked {
  std::string method;
  std::string target;  // path and query
  std::string head;    // the whole head, names as they came
  std::string body;

  std::string header(const std::string& name) const {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

// A whole answer. `length` of the header may differ from the body's: then it is cut off.
inline std::string answer(int status, const std::string& body, const std::string& headers = "",
                          long length = -1) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
         std::to_string(length < 0 ? static_cast<long>(body.size()) : length) + "\r\n" + headers +
         "Connection: close\r\n\r\n" + body;
}

class StandIn {
 public:
  // Returns the bytes to send before the connection is closed; `number` counts from 0.
  using Handler = std::function<std::string(const Asked&, int number)>;

  explicit StandIn(Handler handler) : handler_(std::move(handler)) {
    listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), generic, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<Asked> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd entry{listener_.get(), POLLIN, 0};
      if (::poll(&entry, 1, 20) != 1) continue;
      const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (connection) answer_one(connection.get());
    }
  }

  void answer_one(int fd) {
    Asked asked;
    std::string bytes;
    std::size_t end = std::string::npos;
    while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more(fd, bytes)) return;
    }
    asked.head = bytes.substr(0, end + 2);
    asked.method = bytes.substr(0, bytes.find(' '));
    const auto target = asked.method.size() + 1;
    asked.target = bytes.substr(target, bytes.find(' ', target) - target);
    asked.body = bytes.substr(end + 4);
    const auto length = static_cast<std::size_t>(std::atol(asked.header("Content-Length").c_str()));
    while (asked.body.size() < length && read_more(fd, asked.body)) {
    }
    int number = 0;
    {
      const std::lock_guard lock(mutex_);
      number = static_cast<int>(asked_.size());
      asked_.push_back(asked);
    }
    const std::string reply = handler_(asked, number);
    for (std::size_t done = 0; done < reply.size();) {
      const ssize_t size = ::send(fd, reply.data() + done, reply.size() - done, MSG_NOSIGNAL);
      if (size <= 0) return;
      done += static_cast<std::size_t>(size);
    }
    ::shutdown(fd, SHUT_WR);
  }

  static bool read_more(int fd, std::string& bytes) {
    char buffer[16 * 1024];
    const ssize_t size = ::recv(fd, buffer, sizeof buffer, 0);
    if (size <= 0) return false;
    bytes.append(buffer, static_cast<std::size_t>(size));
    return true;
  }

  Handler handler_;
  Fd listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Asked> asked_;
  std::jthread thread_;  // last: it ends before what it works on
};

}  // namespace iris::remote
