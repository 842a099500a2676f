#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace iris::cli {
namespace {

constexpr auto kFirstShown = std::chrono::seconds(1);
constexpr auto kRedrawn = std::chrono::milliseconds(100);
constexpr auto kLineEvery = std::chrono::seconds(5);
constexpr std::size_t kBarWidth = 30;

// "1.2 GB", to read at a glance.
std::string size_text(double bytes) {
  const char* unit = "kB";
  double size = bytes / 1e3;
  for (const char* next : {"MB", "GB", "TB"}) {
    if (size < 1000) break;
    size /= 1000;
    unit = next;
  }
  return fmt::format("{:.1f} {}", size, unit);
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  std::string digits = std::to_string(bytes);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits + (bytes == 1 ? " byte" : " bytes");
}

Progress::Progress(std::string verb, const Clock& clock, Log& log)
    : verb_(std::move(verb)),
      clock_(clock),
      log_(log),
      terminal_(::isatty(STDERR_FILENO) == 1),
      begin_(clock.steady()),
      shown_(begin_) {}

void Progress::objects_planned(std::size_t count) {
  const std::lock_guard lock(mutex_);
  planned_ += count;
}

void Progress::bytes_expected(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  expected_bytes_ += bytes;
}

void Progress::bytes_moved(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  moved_bytes_ += bytes;
  show();
}

void Progress::object_done() {
  const std::lock_guard lock(mutex_);
  ++done_;
  show();
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  if (drawn_) fmt::print(stderr, "\r\x1b[K");
  drawn_ = false;
}

void Progress::show() {
  const auto now = clock_.steady();
  if (log_.quiet() || now - begin_ < kFirstShown) return;
  if (terminal_ && (!drawn_ || now - shown_ >= kRedrawn)) {
    fmt::print(stderr, "\r{}\x1b[K", bar());
    std::fflush(stderr);
    drawn_ = true;
    shown_ = now;
  } else if (!terminal_ && now - shown_ >= kLineEvery) {
    log_.info("{}: {} of {} objects, {}", verb_, done_, planned_,
              size_text(static_cast<double>(moved_bytes_)));
    shown_ = now;
  }
}

std::string Progress::bar() const {
  // One large object moves by its bytes, many by their number.
  const double whole = planned_ > 1 ? static_cast<double>(planned_)
                                    : std::max(1.0, static_cast<double>(expected_bytes_));
  const double part = planned_ > 1 ? static_cast<double>(done_) : static_cast<double>(moved_bytes_);
  const double share = std::clamp(part / whole, 0.0, 1.0);
  const auto filled = static_cast<std::size_t>(share * kBarWidth);
  const double seconds = std::max(0.001, to_seconds(clock_.steady() - begin_));
  return fmt::format("{} [{:#<{}}{:.<{}}] {:3.0f} %  {}/{} objects  {}  {}/s", verb_, "", filled,
                     "", kBarWidth - filled, share * 100, done_, planned_,
                     size_text(static_cast<double>(moved_bytes_)),
                     size_text(static_cast<double>(moved_bytes_) / seconds));
}

}  // namespace iris::cli
