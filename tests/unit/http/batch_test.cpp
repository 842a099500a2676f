// Answers that are sent together.
#include <gtest/gtest.h>

#include "server_fixture.hpp"

namespace iris::http {
namespace {

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

}  // namespace
}  // namespace iris::http
