// The sockets of one thread: a loop over epoll. It tells of a change, not of a state (it is
// edge-triggered): the kernel then looks at a socket once for each request, not again before it
// sleeps. Who does not read all there is asks with change() to be told again.
//
//   EventLoop loop(clock);
//   loop.watch(socket, EventLoop::Interest::kRead, watcher);   // watcher.on_ready() from run()
//   loop.run();                                                // until stop()
//
// What is ready waits in a queue, first come, first served. While it is long the kernel is asked
// again and again, so that each entry tells since when its descriptor was ready.
//
// Everything happens in the thread that runs it, but post(), which any thread may call.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"

namespace iris::http {

class EventLoop {
 public:
  enum class Interest : std::uint32_t {
    kRead = EPOLLIN,
    kWrite = EPOLLOUT,
    kReadAndWrite = EPOLLIN | EPOLLOUT,
  };

  struct Readiness {
    // The other side will send no more, so that there is an end to be read behind the bytes, and
    // nothing will be told of it again.
    bool ended = false;
    SteadyTime since{};  // when the loop heard of it
  };

  // Told when its descriptor has become ready for what it asked, or has failed, which the next
  // system call on it says.
  class Watcher {
   public:
    virtual void on_ready(const Readiness& readiness) = 0;

   protected:
    ~Watcher() = default;

   private:
    friend class EventLoop;
    static constexpr std::size_t kNotQueued = static_cast<std::size_t>(-1);
    std::size_t place_ = kNotQueued;  // in the queue
  };

  // What is done when there is time for it, and, if there is none, a little at a time.
  class Background {
   public:
    // `idle`: nothing else is ready. Returns whether there is more to do; if not, it is called
    // again after the next request_background().
    virtual bool work(bool idle) = 0;

   protected:
    ~Background() = default;
  };

  // Throws std::system_error when the process is out of descriptors.
  explicit EventLoop(const Clock& clock);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Returns false when the kernel has no room for another. The watcher must live until forget().
  [[nodiscard]] bool watch(int descriptor, Interest interest, Watcher& watcher);
  // Tells at once if the descriptor is ready, whatever was told before.
  void change(int descriptor, Interest interest, Watcher& watcher);
  // The watcher is not called again, not even for what the kernel has reported already. Must come
  // before the descriptor is closed.
  void forget(int descriptor, Watcher& watcher);

  // Has work() called after each turn, until it has no more to do.
  void request_background(Background& background) { background_ = &background; }
  void forget_background(const Background& background) {
    if (background_ == &background) background_ = nullptr;
  }

  // Runs `task` in the loop's thread.
  void post(std::function<void()> task);

  // Reads the clock. What is ready and waits is told from the last reading, so whoever works for
  // long should take one.
  SteadyTime read_clock() { return now_ = clock_.steady(); }
  // The last reading.
  SteadyTime now() const { return now_; }

  // Descriptors that are ready and wait for their turn.
  std::size_t waiting() const { return queue_.size() - next_; }

  void run();
  // Waits for events, up to `patience`, and handles those that are there.
  void run_once(Nanoseconds patience);
  void stop() { stopped_ = true; }

 private:
  class Mailbox final : public Watcher {
   public:
    explicit Mailbox(EventLoop& loop);
    void post(std::function<void()> task);
    void on_ready(const Readiness& readiness) override;

   private:
    Fd event_;
    std::mutex mutex_;
    std::vector<std::function<void()>> tasks_;
  };

  struct Entry {
    Watcher* watcher;  // null when it was forgotten meanwhile
    Readiness readiness;
  };

  static constexpr int kEventsPerWait = 256;

  void turn(int timeout_ms);
  void collect(int timeout_ms);
  void drop_told();

  const Clock& clock_;
  SteadyTime now_;
  Fd epoll_;
  std::array<epoll_event, kEventsPerWait> events_;
  std::vector<Entry> queue_;
  std::size_t next_ = 0;  // of queue_, the first that was not told yet
  Background* background_ = nullptr;
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
  void on_ready(const EventLoop::Readiness& readiness) override;

  EventLoop& loop_;
  Fd timer_;
  std::function<void()> expired_;
};

}  // namespace iris::http
