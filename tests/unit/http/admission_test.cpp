// Which requests and connections are refused when there are too many, or too much waits.
#include <gtest/gtest.h>

#include "server_fixture.hpp"

namespace iris::http {
namespace {

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
