// Progress and diagnostics, one line each, to standard error; results go to standard output
// elsewhere. A Log is passed to whoever needs it.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string_view>
#include <utility>

namespace iris {

class Log {
 public:
  // Writes to standard error, with colour when that is a terminal.
  Log();
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
