#include "http/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace iris::http {
namespace {

using namespace std::chrono_literals;
using Interest = EventLoop::Interest;

struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    ours = Fd(ends[0]);
    theirs = Fd(ends[1]);
  }
  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(theirs.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  Fd ours;
  Fd theirs;
};

// Counts what it is told.
class Listener final : public EventLoop::Watcher {
 public:
  explicit Listener(std::function<void()> then = [] {}) : then_(std::move(then)) {}
  void on_ready(bool ended) override {
    ++told;
    last_ended = ended;
    then_();
  }
  int told = 0;
  bool last_ended = false;

 private:
  std::function<void()> then_;
};

TEST(EventLoop, TellsOnceOfWhatArrivesAndAgainWhenAsked) {
  EventLoop loop;
  const Pair pair;
  Listener listener;
  ASSERT_TRUE(loop.watch(pair.ours.get(), Interest::kRead, listener));
  loop.run_once(0s);
  EXPECT_EQ(listener.told, 0);
  pair.send("a");
  loop.run_once(1s);
  loop.run_once(0s);
  EXPECT_EQ(listener.told, 1) << "the byte is still there, but it was told";
  loop.change(pair.ours.get(), Interest::kRead, listener);
  loop.run_once(1s);
  EXPECT_EQ(listener.told, 2);
  EXPECT_FALSE(listener.last_ended);
  loop.forget(pair.ours.get(), listener);
}

TEST(EventLoop, TellsOfTheEnd) {
  EventLoop loop;
  const Pair pair;
  Listener listener;
  ASSERT_TRUE(loop.watch(pair.ours.get(), Interest::kRead, listener));
  pair.send("a");
  shutdown(pair.theirs.get(), SHUT_WR);
  loop.run_once(1s);
  EXPECT_TRUE(listener.last_ended);
  loop.forget(pair.ours.get(), listener);
}

TEST(EventLoop, TellsWhenThereIsRoomToWrite) {
  EventLoop loop;
  const Pair pair;
  Listener listener;
  const std::string bytes(1 << 16, 'x');
  while (send(pair.ours.get(), bytes.data(), bytes.size(), 0) > 0) {
  }
  ASSERT_TRUE(loop.watch(pair.ours.get(), Interest::kWrite, listener));
  loop.run_once(0s);
  EXPECT_EQ(listener.told, 0);
  std::string room(1 << 16, '\0');
  while (recv(pair.theirs.get(), room.data(), room.size(), 0) > 0) {
  }
  loop.run_once(1s);
  EXPECT_GE(listener.told, 1);
  loop.forget(pair.ours.get(), listener);
}

// Two are ready at once, and the first that is told makes an end of both.
TEST(EventLoop, TellsNobodyWhoWasForgottenMeanwhile) {
  EventLoop loop;
  const Pair pairs[2];
  std::vector<std::unique_ptr<Listener>> listeners;
  int told = 0;
  const auto end_both = [&] {
    ++told;
    for (std::size_t i = 0; i < 2; ++i) loop.forget(pairs[i].ours.get(), *listeners[i]);
  };
  for (const auto& pair : pairs) {
    listeners.push_back(std::make_unique<Listener>(end_both));
    ASSERT_TRUE(loop.watch(pair.ours.get(), Interest::kRead, *listeners.back()));
    pair.send("a");
  }
  loop.run_once(1s);
  loop.run_once(0s);
  EXPECT_EQ(told, 1);
}

TEST(EventLoop, RunsWhatOtherThreadsPostUntilItIsStopped) {
  EventLoop loop;
  int sum = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        loop.post([&] {
          if (++sum == 4000) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(sum, 4000);
}

TEST(Timer, CallsOnceForTheLastDelayAndNotWhenCancelled) {
  EventLoop loop;
  int calls = 0;
  Timer timer(loop, [&] { ++calls; });
  timer.expire_after(10s);
  timer.expire_after(0s);
  loop.run_once(1s);
  loop.run_once(10ms);
  EXPECT_EQ(calls, 1);
  timer.expire_after(1ms);
  timer.cancel();
  loop.run_once(20ms);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace iris::http
