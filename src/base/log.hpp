// Progress and diagnostics, one line each, to standard error; results go to standard output
// elsewhere. A Log is passed to whoever needs it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace iris {

class Log {
 public:
  // Writes to standard error, with colour when that is a terminal. Waits for whoever reads that,
  // which only a command that serves nobody may do.
  Log();
  // The last lines are written, or a second is over.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    write_info(fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    write_warn(fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    write_error(fmt::format(format, std::forward<Args>(args)...));
  }

  // From now on a thread of its own writes the lines, and who logs never waits; what finds no room
  // is dropped (line_writer.hpp). Fails when the process may not have another thread: then lines
  // that standard error does not take at once are dropped.
  Result<void> start_thread();
  std::uint64_t dropped_lines() const;

  // Waits until the lines so far are written, a second at most.
  void flush();

  // A line as it is, without time and level, whether quiet or not.
  void print(std::string_view line);

  // Silences info lines.
  void set_quiet(bool quiet);
  bool quiet() const;

 private:
  void write_info(std::string_view line);
  void write_warn(std::string_view line);
  void write_error(std::string_view line);

  // spdlog stays out of this header: it doubles the compile time of whoever includes it.
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

}  // namespace iris
