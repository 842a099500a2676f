#include "http/event_loop.hpp"

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

namespace iris::http {
namespace {

// So long the loop works before it looks what else has become ready.
constexpr auto kSlice = std::chrono::microseconds(500);

Fd opened(int descriptor, const char* what) {
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
  return Fd(descriptor);
}

void require(bool watched) {
  if (!watched) throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

epoll_event event_of(EventLoop::Interest interest, EventLoop::Watcher& watcher) {
  epoll_event event{};
  event.events = static_cast<std::uint32_t>(interest) | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watcher;
  return event;
}

// Event and timer descriptors are read to quieten them; what they count does not matter.
void quieten(const Fd& descriptor) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto ignored = read(descriptor.get(), &count, sizeof count);
}

}  // namespace

EventLoop::EventLoop(const Clock& clock)
    : clock_(clock),
      now_(clock.steady()),
      epoll_(opened(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      mailbox_(*this) {
  queue_.reserve(kEventsPerWait);
}

bool EventLoop::watch(int descriptor, Interest interest, Watcher& watcher) {
  auto event = event_of(interest, watcher);
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void EventLoop::change(int descriptor, Interest interest, Watcher& watcher) {
  auto event = event_of(interest, watcher);
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event);
}

void EventLoop::forget(int descriptor, Watcher& watcher) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  if (watcher.place_ == Watcher::kNotQueued) return;
  queue_[watcher.place_].watcher = nullptr;
  watcher.place_ = Watcher::kNotQueued;
}

void EventLoop::post(std::function<void()> task) {
  mailbox_.post(std::move(task));
}

void EventLoop::run() {
  while (!stopped_) turn(-1);
}

void EventLoop::run_once(Nanoseconds patience) {
  turn(static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count()));
}

// Tells those that are ready, for a slice of time; those that are left are told in the next turn,
// behind what became ready before them.
void EventLoop::turn(int timeout_ms) {
  collect(waiting() > 0 || background_ != nullptr ? 0 : timeout_ms);
  const SteadyTime end = now_ + kSlice;
  while (next_ < queue_.size() && now_ < end) {
    const Entry entry = queue_[next_++];
    if (entry.watcher == nullptr) continue;
    entry.watcher->place_ = Watcher::kNotQueued;
    entry.watcher->on_ready(entry.readiness);
  }
  if (next_ == queue_.size()) {
    queue_.clear();
    next_ = 0;
  }
  if (background_ != nullptr && !background_->work(waiting() == 0)) background_ = nullptr;
}

// Puts what the kernel reports behind what waits already.
void EventLoop::collect(int timeout_ms) {
  // An interruption by a signal is no event.
  const int count = epoll_wait(epoll_.get(), events_.data(), kEventsPerWait, timeout_ms);
  read_clock();
  if (next_ > kEventsPerWait && next_ > queue_.size() / 2) drop_told();
  for (int i = 0; i < count; ++i) {
    const auto& event = events_[static_cast<std::size_t>(i)];
    auto& watcher = *static_cast<Watcher*>(event.data.ptr);
    const bool ended = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (watcher.place_ != Watcher::kNotQueued) {
      queue_[watcher.place_].readiness.ended |= ended;
      continue;
    }
    watcher.place_ = queue_.size();
    queue_.push_back({&watcher, {.ended = ended, .since = now_}});
  }
}

// The queue of an overloaded loop is never empty; it must not grow for that.
void EventLoop::drop_told() {
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(next_));
  for (auto& entry : queue_) {
    if (entry.watcher != nullptr) entry.watcher->place_ -= next_;
  }
  next_ = 0;
}

EventLoop::Mailbox::Mailbox(EventLoop& loop)
    : event_(opened(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")) {
  require(loop.watch(event_.get(), Interest::kRead, *this));
}

void EventLoop::Mailbox::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = write(event_.get(), &one, sizeof one);
}

void EventLoop::Mailbox::on_ready(const Readiness&) {
  quieten(event_);
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task();
}

Timer::Timer(EventLoop& loop, std::function<void()> expired)
    : loop_(loop),
      timer_(opened(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")),
      expired_(std::move(expired)) {
  require(loop_.watch(timer_.get(), EventLoop::Interest::kRead, *this));
}

Timer::~Timer() {
  loop_.forget(timer_.get(), *this);
}

void Timer::expire_after(Nanoseconds delay) {
  // To the kernel zero means never.
  const auto ns = std::max<std::int64_t>(delay.count(), 1);
  itimerspec when{};
  when.it_value.tv_sec = ns / 1'000'000'000;
  when.it_value.tv_nsec = ns % 1'000'000'000;
  timerfd_settime(timer_.get(), 0, &when, nullptr);
}

void Timer::cancel() {
  const itimerspec never{};
  timerfd_settime(timer_.get(), 0, &never, nullptr);
}

void Timer::on_ready(const EventLoop::Readiness&) {
  quieten(timer_);
  expired_();
}

}  // namespace iris::http
