// iris version: what this program is built from.
#include <fmt/format.h>

#include "cli/commands.hpp"

namespace iris::cli {

Command version_command() {
  return {"version", "Print the program's version", "iris version", [](CLI::App&) -> Action {
            return [](Context&) -> Result<ExitCode> {
              fmt::print("iris {}\n", IRIS_VERSION);
              return ExitCode::kDone;
            };
          }};
}

}  // namespace iris::cli
