// Result<T>, the one way a function says that something expected to fail did fail, and the exit
// codes that such a failure ends the program with.
//
//   Result<Table> read_csv(const std::string& path);
//   auto table = read_csv(path);
//   if (!table) return tl::unexpected(table.error());
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace iris {

// The exit status of every command; the README's table of codes is this enumeration.
enum class ExitCode : int {
  kDone = 0,
  kGate = 1,           // a gate said no: data, model or objective
  kInput = 2,          // wrong use or bad input
  kEnvironment = 3,    // the machine lacks something; the message says what and how to get it
  kInterrupted = 130,  // by Ctrl-C or SIGTERM, after tidying up (shells' 128 + SIGINT)
};

struct Error {
  ExitCode code = ExitCode::kInput;
  std::string message;  // place, what was found, what was expected; never source code
};

template <class T>
using Result = tl::expected<T, Error>;

// Wrong use or bad input: names the file, line, flag or field, what was found and expected.
template <class... Args>
tl::unexpected<Error> input_error(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{ExitCode::kInput, fmt::format(format, std::forward<Args>(args)...)});
}

// The machine lacks something; the message must say how to get it.
template <class... Args>
tl::unexpected<Error> environment_error(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(
      Error{ExitCode::kEnvironment, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace iris
