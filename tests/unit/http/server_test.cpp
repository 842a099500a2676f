// What a client gets for what it sends, and when it sends or reads too slowly.
#include <gtest/gtest.h>

#include "server_fixture.hpp"

namespace iris::http {
namespace {

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

}  // namespace
}  // namespace iris::http
