#include "base/log.hpp"

#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <string>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/line_writer.hpp"
#include "base/visible.hpp"

namespace iris {
namespace {

// How long the last lines may take to be written.
constexpr auto kLastLinesTime = std::chrono::seconds(1);

constexpr auto kPattern = "%H:%M:%S.%e %^%L%$ %v";
constexpr std::string_view kReset = "\033[m";

std::string_view colour_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::warn:
      return "\033[33m\033[1m";
    case spdlog::level::err:
      return "\033[31m\033[1m";
    default:
      return "\033[32m";
  }
}

bool standard_error_has_colour() {
  return spdlog::details::os::in_terminal(stderr) && spdlog::details::os::is_color_terminal();
}

// A pipe with room for a page takes a short line without delay.
bool is_writable(int descriptor) {
  pollfd ready{.fd = descriptor, .events = POLLOUT, .revents = 0};
  return poll(&ready, 1, 0) > 0 && (ready.revents & POLLOUT) != 0;
}

// Not for two threads at a time.
std::string format_line(spdlog::formatter& formatter, const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t text;
  formatter.format(message, text);
  std::string line(text.data(), text.size());
  if (standard_error_has_colour()) {
    line.insert(message.color_range_end, kReset);
    line.insert(message.color_range_start, colour_of(message.level));
  }
  return line;
}

std::string tell_dropped(std::uint64_t count) {
  spdlog::pattern_formatter formatter(kPattern);
  const auto text = fmt::format("{} log line{} dropped: nothing read standard error", count,
                                count == 1 ? " was" : "s were");
  return format_line(formatter, {"iris", spdlog::level::warn, text});
}

}  // namespace

// Writes lines itself, or has a thread do so.
class StandardError final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  StandardError() : base_sink(std::make_unique<spdlog::pattern_formatter>(kPattern)) {}

  Result<void> start_thread() {
    const std::lock_guard lock(mutex_);
    if (writer_) return {};
    auto writer = LineWriter::start(STDERR_FILENO, limits::kLogBytes, tell_dropped);
    waits_ = false;
    if (!writer) return tl::unexpected(writer.error());
    writer_ = std::move(*writer);
    return {};
  }

  void put(std::string line) {
    const std::lock_guard lock(mutex_);
    put_locked(std::move(line));
  }

  std::uint64_t dropped() {
    const std::lock_guard lock(mutex_);
    return writer_ ? writer_->dropped() : dropped_;
  }

  void flush_lines() {
    if (writer_) writer_->flush(kLastLinesTime);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    put_locked(format_line(*formatter_, message));
  }
  void flush_() override {}

  void put_locked(std::string line) {
    if (writer_) {
      writer_->add(std::move(line));
    } else if (waits_ || is_writable(STDERR_FILENO)) {
      write_all(STDERR_FILENO, line);
    } else {
      ++dropped_;
    }
  }

  std::unique_ptr<LineWriter> writer_;
  bool waits_ = true;  // for whoever reads, where no thread does so
  std::uint64_t dropped_ = 0;
};

struct Log::Sink {
  std::shared_ptr<StandardError> standard_error = std::make_shared<StandardError>();
  spdlog::logger logger{"iris", standard_error};
};

Log::Log() : sink_(std::make_unique<Sink>()) {}

Log::~Log() {
  flush();
}

void Log::flush() {
  sink_->standard_error->flush_lines();
}

Result<void> Log::start_thread() {
  return sink_->standard_error->start_thread();
}

std::uint64_t Log::dropped_lines() const {
  return sink_->standard_error->dropped();
}

void Log::set_quiet(bool quiet) {
  sink_->logger.set_level(quiet ? spdlog::level::warn : spdlog::level::info);
}

bool Log::quiet() const {
  return !sink_->logger.should_log(spdlog::level::info);
}

void Log::print(std::string_view line) {
  sink_->standard_error->put(std::string(line) + "\n");
}

void Log::write_info(std::string_view line) {
  sink_->logger.info(visible(line));
}
void Log::write_warn(std::string_view line) {
  sink_->logger.warn(visible(line));
}
void Log::write_error(std::string_view line) {
  sink_->logger.error(visible(line));
}

}  // namespace iris
