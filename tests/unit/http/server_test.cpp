// The server over real sockets, on a clock that the tests move.
#include "http/server.hpp"

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

namespace iris::http {
namespace {

using namespace std::chrono_literals;

constexpr auto kShed = static_cast<std::size_t>(CloseReason::kShed);

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

const std::string kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kHealth = "GET /health?full HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  serve({});
  const auto client = connect();
  std::string requests;
  std::string last;
  for (int i = 0; i < 500; ++i) {
    last = std::to_string(i);
    requests += "POST /" + last + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
  }
  send(client, requests);
  const auto answers = receive(client, "/499 hi");
  std::size_t at = 0;
  for (int i = 0; i < 500; ++i) {
    at = answers.find("/" + std::to_string(i) + " hi", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_EQ(counters_.requests.value(), 500U);
  EXPECT_EQ(counters_.in_flight.value(), 0U);
}

// The answer is given by another's hand, and what is behind it waits.
TEST_F(ServerTest, AnswersLater) {
  serve({});
  const auto client = connect();
  const std::string later = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
  send(client, kGet + later + kGet);
  EXPECT_TRUE(receive(client, "/a ").ends_with("/a "));
  ASSERT_TRUE(run_until([&] { return echo_.later.size() == 1; }));
  EXPECT_EQ(counters_.in_flight.value(), 1U);
  send(client, kGet);
  clock_.advance(100s);
  for (int i = 0; i < 20; ++i) loop_.run_once(5ms);
  EXPECT_EQ(server_->connections(), 1U) << "it is the server that is late";
  echo_.later[0]->answer([](Response& response) {
    response.begin(400);
    append(response.body(), "late");
  });
  const auto rest = receive(client, "/a ");
  EXPECT_NE(rest.find("HTTP/1.1 400"), std::string::npos);
  EXPECT_LT(rest.find("late"), rest.find("/a ")) << rest;
  EXPECT_TRUE(run_until([&] { return counters_.requests.value() == 4; }));
  EXPECT_EQ(counters_.in_flight.value(), 0U);
}

TEST_F(ServerTest, AnswersNobodyLaterWhoHasGone) {
  serve({});
  {
    const auto client = connect();
    send(client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(run_until([&] { return echo_.later.size() == 1; }));
  }
  EXPECT_EQ(server_->abort(), 1U);
  bool asked = false;
  echo_.later[0]->answer([&](Response&) { asked = true; });
  EXPECT_FALSE(asked);
}

TEST_F(ServerTest, AnswersBytesThatComeOneByOne) {
  serve({});
  const auto client = connect();
  for (const char byte : kGet) {
    send(client, std::string_view(&byte, 1));
    loop_.run_once(1ms);
  }
  EXPECT_NE(receive(client, "/a ").find("200 OK"), std::string::npos);
}

TEST_F(ServerTest, AnswersAClientThatWillSendNoMore) {
  serve({});
  const auto client = connect();
  send(client, kGet);
  shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(receive(client, "<end>").ends_with("/a <end>"));
  EXPECT_TRUE(run_until([&] { return server_->connections() == 0; }));
  EXPECT_EQ(closed(CloseReason::kClient), 1U);
}

TEST_F(ServerTest, TellsAClientThatStopsWithinARequest) {
  serve({});
  const auto client = connect();
  send(client, kGet.substr(0, 20));
  shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(receive(client, "<end>").starts_with("HTTP/1.1 400 "));
}

TEST_F(ServerTest, GivesPermissionToSendTheBody) {
  serve({});
  const auto client = connect();
  send(client, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(receive(client, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  send(client, "ok");
  EXPECT_TRUE(receive(client, "/b ok").starts_with("HTTP/1.1 200 "));
}

// The refusal must reach a client that goes on sending what is not wanted.
TEST_F(ServerTest, RefusesABodyBeforeItIsSentAndLosesNoAnswer) {
  serve({.limits = {.body_bytes = 100}});
  const auto client = connect();
  send(client, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  send(client, std::string(200'000, 'x'));
  const auto answer = receive(client, "<end>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("<end>"));
  EXPECT_EQ(answer.find("<reset>"), std::string::npos);
}

TEST_F(ServerTest, EndsARequestThatTakesTooLong) {
  serve({.read_timeout = 10s});
  const auto client = connect();
  send(client, kGet.substr(0, 20));
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 1; }));
  clock_.advance(9s);
  EXPECT_EQ(receive(client, "").find("408"), std::string::npos);
  clock_.advance(2s);
  EXPECT_TRUE(receive(client, "<end>").starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(counters_.in_flight.value(), 0U);
}

TEST_F(ServerTest, EndsAConnectionThatIsIdleTooLong) {
  serve({.idle_timeout = 60s});
  const auto client = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  clock_.advance(61s);
  EXPECT_EQ(receive(client, "<end>"), "<end>");
  EXPECT_TRUE(run_until([&] {
    clock_.advance(1s);
    return server_->connections() == 0;
  }));
  EXPECT_EQ(closed(CloseReason::kIdle), 1U);
}

TEST_F(ServerTest, EndsAConnectionWhoseClientDoesNotRead) {
  serve({.write_timeout = 10s});
  const auto client = connect();
  send(client, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n" + kGet);
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 1; }));
  EXPECT_EQ(counters_.requests.value(), 1U) << "it must not read on meanwhile";
  // The kernel takes what its buffers hold in parts, and each part moves the deadline.
  int turns = 0;
  run_until([&] { return ++turns > 60; });
  clock_.advance(9s);
  turns = 0;
  run_until([&] { return ++turns > 40; });
  EXPECT_EQ(server_->connections(), 1U) << "it must not end before the deadline";
  clock_.advance(2s);
  EXPECT_TRUE(run_until([&] { return server_->connections() == 0; }));
  EXPECT_EQ(closed(CloseReason::kError), 1U);
}

TEST_F(ServerTest, WritesALargeAnswerToItsEnd) {
  serve({});
  const auto client = connect();
  send(client, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  shutdown(client.get(), SHUT_WR);
  EXPECT_GT(receive(client, "<end>").size(), std::size_t{8} << 20);
}

TEST_F(ServerTest, ClosesAfterTheLastAllowedRequest) {
  serve({.max_requests_per_connection = 2});
  const auto client = connect();
  send(client, kGet + kGet + kGet);
  const auto answers = receive(client, "<end>");
  const auto second = answers.find("HTTP/1.1", 1);
  ASSERT_NE(second, std::string::npos);
  EXPECT_EQ(answers.find("Connection: close"), answers.rfind("Connection: close"));
  EXPECT_GT(answers.find("Connection: close"), second);
  EXPECT_EQ(counters_.requests.value(), 2U);
  EXPECT_EQ(answers.find("<reset>"), std::string::npos);
}

TEST_F(ServerTest, ClosesAfterTheAnswerThatComesOfAge) {
  serve({.idle_timeout = 1000s, .max_connection_age = 100s, .max_connection_age_jitter = 0});
  const auto busy = connect();
  const auto idle = connect();
  send(busy, kGet);
  EXPECT_EQ(receive(busy, "/a ").find("Connection: close"), std::string::npos);
  clock_.advance(101s);
  send(busy, kGet);
  EXPECT_NE(receive(busy, "<end>").find("Connection: close"), std::string::npos);
  clock_.advance(100s);
  std::this_thread::sleep_for(200ms);  // a tick
  EXPECT_EQ(receive(idle, "<end>"), "") << "its client may have sent a request that is on its way";
  send(idle, kGet);
  const auto last = receive(idle, "<end>");
  EXPECT_TRUE(last.starts_with("HTTP/1.1 200 ")) << last;
  EXPECT_NE(last.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(run_until([&] {
    clock_.advance(100ms);
    return server_->connections() == 0;
  }));
  EXPECT_EQ(closed(CloseReason::kAge), 2U);
  EXPECT_EQ(counters_.late.value(), 0U);
}

TEST_F(ServerTest, AnswersAllThatWasReceivedWhenAConnectionComesOfAge) {
  serve({.max_connection_age = 100s, .max_connection_age_jitter = 0});
  const auto client = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  clock_.advance(101s);
  send(client, kGet + kGet + kGet);
  const auto answers = receive(client, "<end>");
  EXPECT_EQ(answers.find("Connection: close"), answers.rfind("Connection: close"));
  EXPECT_GT(answers.find("Connection: close"), answers.find("/a ", answers.find("/a ") + 1));
  EXPECT_EQ(counters_.requests.value(), 3U);
}

// The server has ended its sending side: it can only count what still comes.
TEST_F(ServerTest, CountsARequestThatCrossesTheEndOfAnIdleConnection) {
  serve({.idle_timeout = 60s});
  const auto client = connect();
  const auto silent = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 2; }));
  clock_.advance(61s);
  EXPECT_EQ(receive(client, "<end>"), "<end>");
  send(client, kGet);
  EXPECT_TRUE(run_until([&] { return counters_.late.value() == 1; }));
  EXPECT_EQ(receive(client, "<end>"), "<end>") << "no reset";
  send(client, kGet);
  EXPECT_TRUE(run_until([&] {
    clock_.advance(1s);
    return server_->connections() == 0;
  }));
  EXPECT_EQ(counters_.late.value(), 1U);
  EXPECT_EQ(counters_.requests.value(), 0U);
}

// What is left of a body that was refused is no request.
TEST_F(ServerTest, CountsNothingBehindARefusal) {
  serve({.limits = {.body_bytes = 100}});
  const auto client = connect();
  send(client, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_TRUE(receive(client, "<end>").starts_with("HTTP/1.1 413 "));
  send(client, std::string(1000, 'x'));
  for (int i = 0; i < 20; ++i) loop_.run_once(5ms);
  EXPECT_EQ(counters_.late.value(), 0U);
}

TEST_F(ServerTest, TellsConnectionsAboveTheLimitToTryAgain) {
  serve({.max_connections = 1});
  const auto first = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  const auto second = connect();
  send(second, kGet);
  EXPECT_TRUE(receive(second, "<end>").starts_with("HTTP/1.1 429 "));
  send(first, kGet);
  EXPECT_TRUE(receive(first, "/a ").starts_with("HTTP/1.1 200 "));
}

TEST_F(ServerTest, AnswersVitalRequestsAboveTheLimit) {
  serve({.max_connections = 1});
  const auto first = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  const auto probe = connect();
  send(probe, kHealth);
  const auto answer = receive(probe, "<end>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  send(first, kGet);
  EXPECT_TRUE(receive(first, "/a ").starts_with("HTTP/1.1 200 "));
}

// Clients that connect and ask for nothing, or for half of something.
TEST_F(ServerTest, KeepsAPlaceForAProbeWhateverTheOthersDo) {
  serve({.max_connections = 1});
  std::vector<Fd> others;
  for (std::size_t i = 0; i < 3 * Server::kReserve; ++i) {
    others.push_back(connect());
    // Not the first: half a head gives way to a new connection.
    if (i % 2 == 1) send(others.back(), kGet.substr(0, 10));
    loop_.run_once(0ms);
  }
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1 + Server::kReserve; }));
  const auto probe = connect();
  send(probe, kHealth);
  EXPECT_TRUE(receive(probe, "<end>").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(receive(others.front(), "").empty()) << "one within the limit has its place";
}

TEST_F(ServerTest, EndsSurplusConnectionsThatAskForNothing) {
  serve({.max_connections = 1});
  const auto first = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  const auto silent = connect();
  const auto partial = connect();
  send(partial, kGet.substr(0, 10));
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 1; }));
  ASSERT_TRUE(run_until([&] { return server_->connections() == 3; }));
  clock_.advance(3s);
  EXPECT_EQ(receive(silent, "<end>"), "<end>");
  EXPECT_TRUE(receive(partial, "<end>").starts_with("HTTP/1.1 429 "));
  EXPECT_EQ(counters_.late.value(), 0U);
}

// Under load it would else never end: whoever is sent away comes back.
TEST_F(ServerTest, LeavesNewConnectionsToWhoHasTheSameSocketWhenItDrains) {
  serve({}, true);
  const auto partial = connect();
  send(partial, kGet.substr(0, 10));
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 1; }));
  server_->drain([] {});
  const auto at_once = connect();
  send(at_once, kGet);
  EXPECT_NE(receive(at_once, "<end>").find("200 OK"), std::string::npos);
  clock_.advance(300ms);
  for (int i = 0; i < 20; ++i) loop_.run_once(5ms);
  const auto accepted = counters_.accepted.value();
  const auto late = connect();
  for (int i = 0; i < 20; ++i) loop_.run_once(5ms);
  EXPECT_EQ(counters_.accepted.value(), accepted);
  EXPECT_TRUE(Fd(accept(socket_of_another_.get(), nullptr, nullptr))) << "it waits for the other";
}

TEST_F(ServerTest, DrainsWithoutLosingWhatWasSentOrQueued) {
  serve({.read_timeout = 60s});
  const auto idle = connect();
  const auto partial = connect();
  send(partial, kGet.substr(0, 10));
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 1; }));
  const auto queued = connect();
  send(queued, kGet);
  bool drained = false;
  loop_.post([&] { server_->drain([&] { drained = true; }); });
  const auto answer = receive(queued, "<end>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 "));
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_FALSE(drained);
  clock_.advance(9900ms);
  EXPECT_EQ(receive(idle, "<end>"), "") << "its client may ask once more";
  clock_.advance(200ms);
  EXPECT_EQ(receive(idle, "<end>"), "<end>");
  EXPECT_FALSE(drained) << "a request is still under way";
  send(partial, kGet.substr(10));
  EXPECT_NE(receive(partial, "<end>").find("/a <end>"), std::string::npos);
  shutdown(idle.get(), SHUT_WR);
  shutdown(queued.get(), SHUT_WR);
  shutdown(partial.get(), SHUT_WR);
  EXPECT_TRUE(run_until([&] {
    clock_.advance(50ms);
    return drained;
  }));
  EXPECT_EQ(server_->connections(), 0U);
  EXPECT_EQ(counters_.late.value(), 0U);
}

TEST_F(ServerTest, TellsAnIdleClientOfTheDrainWithItsNextAnswer) {
  serve({});
  const auto client = connect();
  send(client, kGet);
  EXPECT_TRUE(receive(client, "/a ").starts_with("HTTP/1.1 200 "));
  bool drained = false;
  server_->drain([&] { drained = true; });
  clock_.advance(5s);
  for (int i = 0; i < 20; ++i) loop_.run_once(5ms);
  send(client, kGet);
  const auto answer = receive(client, "<end>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_FALSE(drained);
  EXPECT_EQ(closed(CloseReason::kDrain), 0U) << "it waits for the client's end";
}

// Whoever is sent away comes back while there are others; the listener must close before the
// deadline cuts the last of them.
TEST_F(ServerTest, ClosesTheListenerWhenADrainHasWaitedForItsClients) {
  serve({});
  const auto partial = connect();
  send(partial, kGet.substr(0, 10));
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 1; }));
  server_->drain([] {});
  clock_.advance(9s);
  const auto early = connect();
  send(early, kGet);
  EXPECT_TRUE(receive(early, "<end>").starts_with("HTTP/1.1 200 "));
  const auto settle = [this] {
    for (int i = 0; i < 10; ++i) loop_.run_once(5ms);
  };
  const auto queued = connect();
  send(queued, kGet);
  clock_.advance(1100ms);
  settle();
  // The handshake of the next one is not answered, and it tries again a second later.
  const Fd late(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  EXPECT_NE(::connect(late.get(), reinterpret_cast<sockaddr*>(&address_), size_), 0);
  settle();
  pollfd connected{.fd = late.get(), .events = POLLOUT, .revents = 0};
  EXPECT_EQ(poll(&connected, 1, 0), 0);
  clock_.advance(300ms);
  EXPECT_TRUE(receive(queued, "<end>").starts_with("HTTP/1.1 200 "));
  settle();
  EXPECT_EQ(poll(&connected, 1, 5000), 1);
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(late.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  EXPECT_EQ(error, ECONNREFUSED);
}

TEST_F(ServerTest, AnswersWhoWasOnItsWayWhenAnIdleServerDrains) {
  serve({});
  bool drained = false;
  server_->drain([&] { drained = true; });
  for (int i = 0; i < 10; ++i) loop_.run_once(5ms);
  EXPECT_FALSE(drained) << "it has stopped to take clients, and waits for those that are coming";
  clock_.advance(300ms);
  EXPECT_TRUE(run_until([&] { return drained; }));
}

// A connection that has a request in its socket is not idle, however long ago its last answer was.
TEST_F(ServerTest, LooksBeforeItClosesAnIdleConnection) {
  serve({});
  const auto client = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  clock_.advance(10s);
  bool drained = false;
  send(client, kGet);  // not read yet: the loop does not run
  server_->drain([&] { drained = true; });
  const auto answer = receive(client, "<end>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
}

TEST_F(ServerTest, AbortCountsTheRequestsItCuts) {
  serve({});
  const auto idle = connect();
  const auto partial = connect();
  send(partial, kGet.substr(0, 10));
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 1; }));
  bool drained = false;
  server_->drain([&] { drained = true; });
  EXPECT_EQ(server_->abort(), 1U);
  EXPECT_TRUE(run_until([&] { return drained; }));
  EXPECT_EQ(counters_.connections.value(), 0U);
}

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
}

class BatchTest : public ServerTest {
 protected:
  static std::size_t count_answered(std::span<const Fd> clients) {
    return static_cast<std::size_t>(std::ranges::count_if(clients, [](const Fd& client) {
      char byte = 0;
      return recv(client.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
    }));
  }

  // Sends each request from a client of its own, all for the same turn, and returns how many
  // clients had an answer when the last was handled.
  std::size_t answered_before_last(const std::vector<std::string>& requests, Nanoseconds each) {
    std::vector<Fd> clients;
    for (std::size_t i = 0; i < requests.size(); ++i) clients.push_back(connect());
    run_until([&] { return counters_.connections.value() == clients.size(); });
    std::size_t answered = 0;
    echo_.while_slow = [&] {
      clock_.advance(each);
      answered = count_answered(clients);
    };
    for (std::size_t i = 0; i < requests.size(); ++i) send(clients[i], requests[i]);
    for (const auto& client : clients) {
      EXPECT_TRUE(receive(client, " ").ends_with("/slow ")) << "each has its own answer";
    }
    clients.clear();
    run_until([&] { return server_->connections() == 0; });
    return answered;
  }

  void SetUp() override { serve({.read_timeout = 10s, .max_queueing_time = 10ms}); }

  // Batches grow while requests are quick.
  void grow_batches(std::size_t size) {
    for (std::size_t i = 1; i <= size; ++i) answered_before_last({i, get("/slow")}, 1us);
  }

  const std::vector<std::string> four_ = std::vector<std::string>(4, get("/slow"));
};

TEST_F(BatchTest, AnswersTogetherWhatIsQuick) {
  EXPECT_EQ(answered_before_last(four_, 1us), 3U) << "nothing is known yet";
  grow_batches(4);
  EXPECT_EQ(answered_before_last(four_, 1us), 0U);
  EXPECT_EQ(echo_.last_turn, clock_.steady() - 1us) << "its turn is behind the others'";
}

TEST_F(BatchTest, SendsOneAfterTheOtherWhatIsSlow) {
  grow_batches(4);
  answered_before_last(four_, 100us);
  EXPECT_EQ(answered_before_last(four_, 100us), 3U);
  for (int i = 0; i < 20; ++i) answered_before_last({get("/slow")}, 1us);
  EXPECT_EQ(answered_before_last({3, get("/slow")}, 100us), 2U) << "what came alone tells little";
}

TEST_F(BatchTest, LetsNobodyWaitForALongRequest) {
  grow_batches(5);
  auto requests = four_;
  requests.push_back("GET /slow?" + std::string(5000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answered_before_last(requests, 1us), 4U);
}

TEST_F(BatchTest, BoundsTheBatch) {
  grow_batches(20);
  EXPECT_EQ(answered_before_last({20, get("/slow")}, 1us), 16U);
}

TEST_F(BatchTest, AnswersWhatWasReceivedBeforeItAborts) {
  grow_batches(2);
  const auto client = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  send(client, kGet);
  std::optional<std::size_t> cut;
  loop_.post([&] { cut = server_->abort(); });
  EXPECT_TRUE(receive(client, "<end>").ends_with("/a <end>"));
  EXPECT_EQ(cut, 0U);
}

// The tick that finds the request too late comes in the same turn as its end, and behind it.
TEST_F(BatchTest, AnswersWhatWasReceivedBeforeItLooksAtDeadlines) {
  grow_batches(2);
  const auto client = connect();
  send(client, kGet.substr(0, 20));
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 1; }));
  clock_.advance(11s);
  send(client, kGet.substr(20));
  std::this_thread::sleep_for(200ms);  // the timer's time is the kernel's
  EXPECT_TRUE(receive(client, "/a ").starts_with("HTTP/1.1 200 "));
}

TEST_F(BatchTest, RefusesOneByOne) {
  grow_batches(4);
  const Fd clients[] = {connect(), connect()};
  ASSERT_TRUE(run_until([&] { return server_->connections() == 2; }));
  std::size_t answered = 0;
  echo_.while_slow = [&] { answered = count_answered(clients); };
  // Between the loop's hearing of them and their turn, which is the next then.
  loop_.post([this] { clock_.advance(20ms), loop_.read_clock(); });
  for (const auto& client : clients) send(client, get("/slow"));
  for (int turn = 0; turn < 2; ++turn) loop_.run_once(5ms);
  EXPECT_EQ(answered, 1U);
  for (const auto& client : clients) EXPECT_TRUE(receive(client, " ").ends_with("overdue "));
}

// Two requests arrive together, and the first to be answered takes long.
TEST_F(ServerTest, TellsARequestThatWaitedTooLong) {
  serve({.max_queueing_time = 10ms});
  echo_.while_slow = [this] { clock_.advance(20ms), loop_.read_clock(); };
  const Fd clients[] = {connect(), connect()};
  ASSERT_TRUE(run_until([&] { return server_->connections() == 2; }));
  for (const auto& client : clients) send(client, get("/slow"));
  const auto first = receive(clients[0], "/slow ");
  const auto second = receive(clients[1], " ");
  EXPECT_TRUE(first.ends_with("overdue ") != second.ends_with("overdue ")) << first << second;
  // What comes after it has not waited.
  const auto& late = first.ends_with("overdue ") ? clients[0] : clients[1];
  send(late, get("/a"));
  EXPECT_TRUE(receive(late, "/a ").ends_with("\r\n\r\n/a "));
}

// A probe must not wait for the refusals that have a twentieth of the time.
TEST_F(ServerTest, AnswersVitalRequestsThatWaitedTooLongBeforeItRefuses) {
  serve({.max_queueing_time = 10ms});
  std::vector<Fd> others;
  for (int i = 0; i < 20; ++i) others.push_back(connect());
  const auto probe = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 21; }));
  echo_.while_slow = [this] { clock_.advance(20ms), loop_.read_clock(); };
  loop_.post([this] { clock_.advance(20ms), loop_.read_clock(); });
  for (const auto& client : others) send(client, get("/slow"));
  send(probe, kHealth);
  const auto answer = receive(probe, " overdue ");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_LT(counters_.requests.value(), 5U) << "the others have not all been refused before it";
}

TEST_F(ServerTest, TellsRequestsThatFindTooManyOthers) {
  serve({.max_waiting = 2});
  std::vector<Fd> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(connect());
  ASSERT_TRUE(run_until([&] { return server_->connections() == 5; }));
  for (const auto& client : clients) send(client, get("/a"));
  int overdue = 0;
  for (const auto& client : clients) overdue += receive(client, " ").ends_with("overdue ") ? 1 : 0;
  EXPECT_EQ(overdue, 2) << "five were ready: the first finds four others, the second three";
}

// While answers are asked for, refusals take a small part of the time, but are not forgotten.
TEST_F(ServerTest, RefusesALittleAtATimeWhileOthersWait) {
  serve({.max_queueing_time = 10ms});
  echo_.while_slow = [this] { clock_.advance(1ms), loop_.read_clock(); };
  constexpr int kLate = 20;
  std::vector<Fd> late;
  for (int i = 0; i < kLate; ++i) late.push_back(connect());
  const auto busy = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == kLate + 1; }));
  for (const auto& client : late) send(client, get("/slow"));
  const auto overdue = [&] {
    loop_.run_once(0s);
    clock_.advance(20ms);
    loop_.read_clock();
  };
  overdue();  // all are known to be ready; the turn answers one
  int answered = 0;
  std::string received;
  for (int i = 0; i < 2000 && counters_.requests.value() < kLate + 500; ++i) {
    send(busy, get("/slow"));
    loop_.run_once(0s);
    ++answered;
  }
  EXPECT_GE(counters_.requests.value(), static_cast<std::uint64_t>(kLate + 400));
  EXPECT_GT(answered, 4 * kLate) << "refusals were given more than their part of the time";
  int refused = 0;
  for (const auto& client : late) refused += receive(client, " ").ends_with("overdue ") ? 1 : 0;
  EXPECT_EQ(refused, kLate - 1);
}

TEST_F(ServerTest, ForgetsAnOverdueConnectionThatGoes) {
  serve({.max_queueing_time = 10ms});
  echo_.while_slow = [this] { clock_.advance(20ms), loop_.read_clock(); };
  const auto first = connect();
  auto second = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 2; }));
  send(first, get("/slow"));
  send(second, get("/slow"));
  server_->abort();
  EXPECT_EQ(server_->connections(), 0U);
  loop_.run_once(0s);
  EXPECT_EQ(counters_.connections.value(), 0U);
}

// What clients send is held until it is whole, so together it needs a bound.
TEST_F(ServerTest, BoundsWhatAllConnectionsHoldTogether) {
  serve({.max_held_bytes = 300'000});
  std::vector<Fd> clients;
  const std::string part =
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + std::string(100'000, 'x');
  for (int i = 0; i < 2; ++i) {
    clients.push_back(connect());
    send(clients.back(), part);
  }
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 2; }));
  for (int i = 0; i < 20; ++i) loop_.run_once(1ms);
  clients.push_back(connect());
  send(clients.back(), part);
  const auto answer = receive(clients.back(), "<end>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 429 ")) << answer;
  send(clients[0], std::string(100'000, 'y'));
  EXPECT_TRUE(receive(clients[0], "y").starts_with("HTTP/1.1 200 "));
}

// Most heads come whole: one that does not is the first to go, whoever asks for the room.
TEST_F(ServerTest, UnfinishedHeadsGiveWayToBodies) {
  serve({.max_held_bytes = 268'000});  // a body of 200 kB and one head
  auto oldest = connect();
  send(oldest, "POST /a HTTP/1.1\r\nHost: x\r\nX: ");
  auto newer = connect();
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 1; }));
  send(newer, "POST /b HTTP/1.1\r\nHost: x\r\nX: ");
  ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == 2; }));
  const std::string part =
      "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + std::string(140'000, 'x');
  auto body = connect();
  send(body, part);
  EXPECT_TRUE(receive(oldest, "<end>").starts_with("HTTP/1.1 429 "));
  ASSERT_TRUE(run_until([&] { return counters_.closed[kShed].value() > 0; }));
  send(body, std::string(60'000, 'y'));
  EXPECT_TRUE(receive(body, "y").starts_with("HTTP/1.1 200 "));
}

TEST_F(ServerTest, UnfinishedHeadsGiveWayToConnections) {
  serve({.max_connections = 2});
  std::vector<Fd> unfinished;
  for (std::size_t i = 0; i < 2; ++i) {
    unfinished.push_back(connect());
    send(unfinished.back(), "POST /a HTTP/1.1\r\nHost: x\r\nX: ");
    ASSERT_TRUE(run_until([&] { return counters_.in_flight.value() == i + 1; }));
  }
  auto client = connect();
  send(client, get("/a"));
  EXPECT_TRUE(receive(client, "/a ").starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(counters_.closed[kShed].value(), 1U);
  EXPECT_TRUE(receive(unfinished[0], "<end>").starts_with("HTTP/1.1 429 "));
  send(unfinished[1], "b\r\nContent-Length: 1\r\n\r\nz");
  EXPECT_TRUE(receive(unfinished[1], "z").starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace iris::http
