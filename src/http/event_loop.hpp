// The sockets of one thread: a loop over epoll. It tells of a change, not of a state (it is
// edge-triggered): the kernel then looks at a socket once for each request, not again before it
// sleeps. Who does not read all there is asks with change() to be told again.
//
//   EventLoop loop;
//   loop.watch(socket, EventLoop::Interest::kRead, watcher);   // watcher.on_ready() from run()
//   loop.run();                                                // until stop()
//
// Everything happens in the thread that runs it, but post(), which any thread may call.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"

namespace iris::http {

class EventLoop {
 public:
  enum class Interest : std::uint32_t { kRead = EPOLLIN, kWrite = EPOLLOUT };

  // Told when its descriptor has become ready for what it asked, or has failed, which the next
  // system call on it says. `ended`: the other side will send no more, so that there is an end to
  // be read behind the bytes, and nothing will be told of it again.
  class Watcher {
   public:
    virtual void on_ready(bool ended) = 0;

   protected:
    ~Watcher() = default;
  };

  // Throws std::system_error when the process is out of descriptors.
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Returns false when the kernel has no room for another. The watcher must live until forget().
  [[nodiscard]] bool watch(int descriptor, Interest interest, Watcher& watcher);
  // Tells at once if the descriptor is ready, whatever was told before.
  void change(int descriptor, Interest interest, Watcher& watcher);
  // The watcher is not called again, not even for what the kernel has reported already. Must come
  // before the descriptor is closed.
  void forget(int descriptor, const Watcher& watcher);

  // Runs `task` in the loop's thread.
  void post(std::function<void()> task);

  void run();
  // Waits for events, up to `patience`, and handles those that are there.
  void run_once(Nanoseconds patience);
  void stop() { stopped_ = true; }

 private:
  class Mailbox final : public Watcher {
   public:
    explicit Mailbox(EventLoop& loop);
    void post(std::function<void()> task);
    void on_ready(bool ended) override;

   private:
    Fd event_;
    std::mutex mutex_;
    std::vector<std::function<void()>> tasks_;
  };

  static constexpr int kEventsPerWait = 256;

  void handle_events(int timeout_ms);

  Fd epoll_;
  std::array<epoll_event, kEventsPerWait> events_;
  int ready_ = 0;  // of events_, those that were reported last
  bool stopped_ = false;
  Mailbox mailbox_;
};

// Calls back once, some time from now.
class Timer final : EventLoop::Watcher {
 public:
  // Throws std::system_error when the process is out of descriptors.
  Timer(EventLoop& loop, std::function<void()> expired);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces an earlier call. A delay of zero still comes from the loop.
  void expire_after(Nanoseconds delay);
  void cancel();

 private:
  void on_ready(bool ended) override;

  EventLoop& loop_;
  Fd timer_;
  std::function<void()> expired_;
};

}  // namespace iris::http
