// Whether what a command would write is a file that it reads, or another one that it writes.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace iris::cli {

// A path and the flag or argument that gave it. An empty path is one that was not given.
struct NamedPath {
  std::string name;
  std::string path;
};

// Refuses an output that is an input or another output: by any name, through links too. Asked
// before anything is written.
Result<void> refuse_overwriting(const std::vector<NamedPath>& outputs,
                                const std::vector<NamedPath>& inputs);

}  // namespace iris::cli
