// A file given as an argument, where a flag of the command names it too: "iris train table.csv" is
// "iris train --data table.csv".
#pragma once

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace iris::cli {

// Puts the argument, empty when none was given, into the flag's value. Both may be given when they
// are the same. As a flag does, the argument wins over the flag's environment variable.
inline Result<void> take_argument(const std::string& argument, const CLI::Option& flag,
                                  std::string& value) {
  if (argument.empty()) return {};
  const char* environment =
      flag.get_envname().empty() ? nullptr : std::getenv(flag.get_envname().c_str());
  const bool of_environment = environment != nullptr && value == environment;
  if (flag.count() > 0 && value != argument && !of_environment) {
    return input_error("found '{}' and {} '{}', expected one of them", argument, flag.get_name(),
                       value);
  }
  value = argument;
  return {};
}

// The same for a command that takes a model, known by its name's ending, and a table, in any order.
inline Result<void> take_arguments(const std::vector<std::string>& arguments,
                                   const CLI::Option& model_flag, std::string& model,
                                   const CLI::Option& table_flag, std::string& table) {
  std::string model_argument;
  std::string table_argument;
  for (const auto& argument : arguments) {
    const bool is_model = argument.ends_with(".onnx");
    auto& place = is_model ? model_argument : table_argument;
    if (!place.empty()) {
      return input_error("found two {}, '{}' and '{}', expected one",
                         is_model ? "models" : "tables", place, argument);
    }
    place = argument;
  }
  if (auto ok = take_argument(model_argument, model_flag, model); !ok) return ok;
  return take_argument(table_argument, table_flag, table);
}

}  // namespace iris::cli
