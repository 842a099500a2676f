// The server over real sockets, on a clock that the tests move.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "http/listen.hpp"
#include "http/server.hpp"

namespace iris::http {

using namespace std::chrono_literals;

inline constexpr auto kShed = static_cast<std::size_t>(CloseReason::kShed);

// Answers with the path and the body.
class Echo final : public Handler {
 public:
  void handle(const Request& request, Response& response) override {
    last_turn = request.turn_at;
    if (request.path == "/later") return later.push_back(response.answer_later());
    response.begin(200);
    append(response.body(), request.path);
    append(response.body(), " ");
    append(response.body(), request.body);
    if (request.overdue) append(response.body(), "overdue ");
    if (request.path == "/slow" && while_slow) while_slow();
    if (request.path == "/large") response.body().resize(response.body().size() + (8 << 20));
  }
  void refuse(const Fault& fault, const Request& /*request*/, Response& response) override {
    response.begin(fault.status);
    append(response.body(), fault.message);
  }
  bool is_vital(std::string_view path) const override { return path == "/health"; }

  SteadyTime last_turn{};
  std::function<void()> while_slow;
  std::vector<std::shared_ptr<Later>> later;
};

class ServerTest : public testing::Test {
 protected:
  void serve(const ServerOptions& options, bool shared = false) {
    server_.emplace(loop_, options, echo_, counters_, clock_, 1);
    auto listeners = listen_on("127.0.0.1", 0, 1);
    ASSERT_TRUE(listeners);
    size_ = sizeof address_;
    getsockname(listeners->front().get(), reinterpret_cast<sockaddr*>(&address_), &size_);
    if (shared) socket_of_another_ = std::move(*duplicate(listeners->front()));
    server_->listen(std::move(listeners->front()), {.shared = shared});
  }

  Fd connect() {
    Fd client(socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address_), size_), 0);
    return client;
  }

  void send(const Fd& client, std::string_view bytes) {
    EXPECT_EQ(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  // Runs the server until `done`, for two seconds at most.
  bool run_until(const std::function<bool()>& done) {
    for (int i = 0; i < 400; ++i) {
      if (done()) return true;
      loop_.run_once(5ms);
    }
    return false;
  }

  // Runs the server until the client has received `end`, or until the connection ended.
  std::string receive(const Fd& client, std::string_view end) {
    std::string received;
    run_until([&] {
      char bytes[65536];
      for (;;) {
        const auto count = recv(client.get(), bytes, sizeof bytes, MSG_DONTWAIT);
        if (count == 0) {
          received += "<end>";
          return true;
        }
        if (count < 0 && errno == ECONNRESET) received += "<reset>";
        if (count <= 0) break;
        received.append(bytes, static_cast<std::size_t>(count));
      }
      return received.ends_with(end);
    });
    return received;
  }

  std::uint64_t closed(CloseReason reason) const {
    return counters_.closed[static_cast<std::size_t>(reason)].value();
  }

  ManualClock clock_;
  EventLoop loop_{clock_};
  Echo echo_;
  Counters counters_;
  std::optional<Server> server_;
  Fd socket_of_another_;  // the same as the server's
  sockaddr_storage address_{};
  socklen_t size_ = 0;
};

inline const std::string kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
inline const std::string kHealth = "GET /health?full HTTP/1.1\r\nHost: x\r\n\r\n";

inline std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

}  // namespace iris::http
