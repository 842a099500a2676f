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

EventLoop::EventLoop()
    : epoll_(opened(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")), mailbox_(*this) {}

bool EventLoop::watch(int descriptor, Interest interest, Watcher& watcher) {
  auto event = event_of(interest, watcher);
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void EventLoop::change(int descriptor, Interest interest, Watcher& watcher) {
  auto event = event_of(interest, watcher);
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event);
}

void EventLoop::forget(int descriptor, const Watcher& watcher) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  for (int i = 0; i < ready_; ++i) {
    auto& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &watcher) event.data.ptr = nullptr;
  }
}

void EventLoop::post(std::function<void()> task) {
  mailbox_.post(std::move(task));
}

void EventLoop::run() {
  while (!stopped_) handle_events(-1);
}

void EventLoop::run_once(Nanoseconds patience) {
  handle_events(
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count()));
}

void EventLoop::handle_events(int timeout_ms) {
  // An interruption by a signal is no event.
  ready_ = std::max(0, epoll_wait(epoll_.get(), events_.data(), kEventsPerWait, timeout_ms));
  for (int i = 0; i < ready_; ++i) {
    const auto& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) continue;
    const bool ended = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    static_cast<Watcher*>(event.data.ptr)->on_ready(ended);
  }
  ready_ = 0;
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

void EventLoop::Mailbox::on_ready(bool) {
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

void Timer::on_ready(bool) {
  quieten(timer_);
  expired_();
}

}  // namespace iris::http
