#include "base/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/visible.hpp"

namespace iris {

struct Log::Sink {
  spdlog::logger logger{"iris", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
};

Log::Log() : sink_(std::make_unique<Sink>()) {
  sink_->logger.set_pattern("%H:%M:%S.%e %^%L%$ %v");
  sink_->logger.flush_on(spdlog::level::info);
}

Log::~Log() = default;

void Log::set_quiet(bool quiet) {
  sink_->logger.set_level(quiet ? spdlog::level::warn : spdlog::level::info);
}

bool Log::quiet() const {
  return !sink_->logger.should_log(spdlog::level::info);
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
