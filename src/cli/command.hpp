// What a command is: an entry of the table in main.cpp and one file of its own.
//
//   Command check_command();   // defined in check.cpp, listed in main.cpp
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace iris::cli {

// What a command gets from the outside.
struct Context {
  const Clock& clock;
  Log& log;
};

// Runs the command after its flags were read. kGate is a verdict that the command has already
// explained; an Error is printed by main.
using Action = std::function<Result<ExitCode>(Context&)>;

struct Command {
  const char* name;
  const char* summary;
  const char* example;          // printed at the end of --help
  Action (*define)(CLI::App&);  // declares the flags and returns what to run
};

}  // namespace iris::cli
