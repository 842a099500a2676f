#include "http/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <set>
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
  void on_ready(const EventLoop::Readiness& readiness) override {
    ++told;
    last_ended = readiness.ended;
    last_since = readiness.since;
    then_();
  }
  int told = 0;
  bool last_ended = false;
  SteadyTime last_since{};

 private:
  std::function<void()> then_;
};

TEST(EventLoop, TellsOnceOfWhatArrivesAndAgainWhenAsked) {
  SystemClock clock;
  EventLoop loop(clock);
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
  SystemClock clock;
  EventLoop loop(clock);
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
  SystemClock clock;
  EventLoop loop(clock);
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
  SystemClock clock;
  EventLoop loop(clock);
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
  SystemClock clock;
  EventLoop loop(clock);
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
  SystemClock clock;
  EventLoop loop(clock);
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

// Work that takes longer than a turn: what waits behind it is told later, and since when it waits.
TEST(EventLoop, TellsSinceWhenSomethingWaits) {
  ManualClock clock;
  EventLoop loop(clock);
  const Pair pairs[3];
  Listener listeners[3] = {Listener([&] { clock.advance(10ms), loop.read_clock(); }),
                           Listener([&] { clock.advance(10ms), loop.read_clock(); }), Listener()};
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(loop.watch(pairs[i].ours.get(), Interest::kRead, listeners[i]));
  }
  const SteadyTime start = clock.steady();
  pairs[0].send("a");
  pairs[1].send("a");
  loop.run_once(1s);
  EXPECT_EQ(listeners[0].told + listeners[1].told, 1);
  EXPECT_EQ(loop.waiting(), 1U);
  pairs[2].send("a");
  loop.run_once(1s);
  EXPECT_EQ(listeners[0].told + listeners[1].told, 2);
  EXPECT_EQ(listeners[2].told, 0) << "it came last";
  loop.run_once(1s);
  EXPECT_EQ(listeners[0].last_since, start);
  EXPECT_EQ(listeners[1].last_since, start) << "it waited from the start, not from its turn";
  EXPECT_EQ(listeners[2].last_since, start + 10ms);
  EXPECT_EQ(loop.waiting(), 0U);
  for (std::size_t i = 0; i < 3; ++i) loop.forget(pairs[i].ours.get(), listeners[i]);
}

// A queue that is never empty: told ones must leave it, and places must stay right.
TEST(EventLoop, KeepsItsQueueShortAndInOrder) {
  ManualClock clock;
  EventLoop loop(clock);
  constexpr std::size_t kCount = 600;
  std::vector<Pair> pairs(kCount);
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::size_t> told;
  for (std::size_t i = 0; i < kCount; ++i) {
    listeners.push_back(std::make_unique<Listener>([&, i] {
      told.push_back(i);
      clock.advance(1ms);
      loop.read_clock();
    }));
    ASSERT_TRUE(loop.watch(pairs[i].ours.get(), Interest::kRead, *listeners[i]));
    pairs[i].send("a");
  }
  for (std::size_t turn = 0; turn < kCount; ++turn) {
    loop.run_once(0s);
    if (turn == 300) loop.forget(pairs[kCount - 1].ours.get(), *listeners[kCount - 1]);
  }
  EXPECT_EQ(told.size(), kCount - 1);
  EXPECT_EQ(listeners.back()->told, 0);
  EXPECT_EQ(std::set<std::size_t>(told.begin(), told.end()).size(), told.size());
  for (std::size_t i = 0; i + 1 < kCount; ++i) loop.forget(pairs[i].ours.get(), *listeners[i]);
}

class Countdown final : public EventLoop::Background {
 public:
  bool work(bool idle) override {
    idles += idle ? 1 : 0;
    return --left > 0;
  }
  int left = 3;
  int idles = 0;
};

TEST(EventLoop, WorksInTheBackgroundUntilNothingIsLeft) {
  SystemClock clock;
  EventLoop loop(clock);
  Countdown countdown;
  loop.request_background(countdown);
  for (int i = 0; i < 5; ++i) loop.run_once(0s);
  EXPECT_EQ(countdown.left, 0);
  EXPECT_EQ(countdown.idles, 3);
}

}  // namespace
}  // namespace iris::http
