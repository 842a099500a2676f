#include "load/probe.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

namespace iris::load {
namespace {

namespace asio = boost::asio;

std::uint64_t to_us(Nanoseconds duration) {
  return static_cast<std::uint64_t>(
      std::chrono::ceil<std::chrono::microseconds>(std::max(duration, Nanoseconds{0})).count());
}

}  // namespace

void ProbeCounts::merge(const ProbeCounts& other) {
  sent += other.sent;
  answered += other.answered;
  rejected += other.rejected;
  failed += other.failed;
  latency_us.merge(other.latency_us);
  service_us.merge(other.service_us);
}

struct Probe::Loop {
  // A connection and how often it was used.
  struct Line {
    http::Client client;
    int used = 0;
  };

  Loop(ProbeOptions given, const Clock& time)
      : options(std::move(given)),
        clock(time),
        message(std::make_shared<const std::string>(
            http::format_request(options.request, options.peer))),
        timer(io) {}

  // Everything up to `lock` belongs to the loop's thread.
  const ProbeOptions options;
  const Clock& clock;
  const std::shared_ptr<const std::string> message;
  asio::io_context io;
  asio::steady_timer timer;
  std::list<Line> lines;
  std::deque<std::list<Line>::iterator> idle;
  std::optional<std::string> expected_body;
  SteadyTime began;
  std::uint64_t scheduled = 0;
  bool stopping = false;

  mutable std::mutex lock;  // guards what follows
  ProbeCounts interval;
  ProbeCounts total;  // up to the last take
  std::uint64_t in_flight = 0;
  std::string last_failure;

  std::thread thread;

  SteadyTime intended(std::uint64_t index) const {
    const std::chrono::duration<double> offset(static_cast<double>(index) / options.rate_per_s);
    return began + std::chrono::duration_cast<Nanoseconds>(offset);
  }

  void schedule() {
    timer.expires_at(intended(scheduled));
    timer.async_wait([this](boost::system::error_code error) {
      if (error || stopping) return;
      // A late wake-up sends all that is due, each with its own intended start.
      for (const auto now = clock.steady(); intended(scheduled) <= now; ++scheduled) {
        send(intended(scheduled));
      }
      schedule();
    });
  }

  std::list<Line>::iterator take_line() {
    if (idle.empty()) return lines.insert(lines.end(), Line{http::Client(io, options.peer)});
    const auto line = idle.front();
    idle.pop_front();
    return line;
  }

  void give_back(std::list<Line>::iterator line) {
    if (idle.size() >= options.kept_connections) {
      lines.erase(line);
      return;
    }
    if (line->used >= options.requests_per_connection) {
      line->client.close();
      line->used = 0;
    }
    idle.push_back(line);
  }

  void send(SteadyTime start) {
    {
      const std::lock_guard guard(lock);
      ++interval.sent;
      ++in_flight;
    }
    const auto line = take_line();
    const bool was_open = line->used++ > 0;
    const auto sent = clock.steady();
    line->client.exchange(message, start + options.timeout,
                          [this, start, sent, was_open, line](auto answer) {
                            ended(start, was_open ? std::optional(sent) : std::nullopt, answer);
                            give_back(line);
                          });
  }

  void record(SteadyTime now, SteadyTime start, std::optional<SteadyTime> sent) {
    interval.latency_us.record(to_us(now - start));
    if (sent) interval.service_us.record(to_us(now - *sent));
  }

  void ended(SteadyTime start, std::optional<SteadyTime> sent, const Result<http::Answer>& answer) {
    const auto now = clock.steady();
    const bool success = answer && answer->status / 100 == 2;
    if (success && !expected_body) expected_body = answer->body;
    const std::lock_guard guard(lock);
    --in_flight;
    if (success && answer->body == *expected_body) {
      ++interval.answered;
      record(now, start, sent);
      return;
    }
    ++interval.failed;
    if (answer) ++interval.rejected;
    if (!answer && now - start >= options.timeout) record(now, start, sent);
    last_failure = !answer   ? answer.error().message
                   : success ? "the answer is not the one that the same request got before"
                             : fmt::format("status {}", answer->status);
  }
};

Probe::Probe(ProbeOptions options, const Clock& clock)
    : loop_(std::make_unique<Loop>(std::move(options), clock)) {}

Probe::~Probe() {
  if (!loop_->thread.joinable()) return;
  loop_->io.stop();
  loop_->thread.join();
}

void Probe::start() {
  loop_->began = loop_->clock.steady();
  loop_->schedule();
  loop_->thread = std::thread([loop = loop_.get()] { loop->io.run(); });
}

ProbeCounts Probe::take() {
  const std::lock_guard guard(loop_->lock);
  auto taken = std::exchange(loop_->interval, {});
  loop_->total.merge(taken);
  return taken;
}

void Probe::finish() {
  asio::post(loop_->io, [loop = loop_.get()] {
    loop->stopping = true;
    loop->timer.cancel();
  });
}

ProbeCounts Probe::stop() {
  if (loop_->thread.joinable()) {
    finish();
    // Every exchange has a deadline, so the loop runs out of work by itself.
    loop_->thread.join();
  }
  take();
  const std::lock_guard guard(loop_->lock);
  return loop_->total;
}

std::uint64_t Probe::in_flight() const {
  const std::lock_guard guard(loop_->lock);
  return loop_->in_flight;
}

std::string Probe::last_failure() const {
  const std::lock_guard guard(loop_->lock);
  return loop_->last_failure;
}

}  // namespace iris::load
