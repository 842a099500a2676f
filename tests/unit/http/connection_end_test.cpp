// How connections end: by number and age, at the limit, when the server drains or aborts.
#include <gtest/gtest.h>

#include "server_fixture.hpp"

namespace iris::http {
namespace {

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

}  // namespace
}  // namespace iris::http
