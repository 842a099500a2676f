// The text of DVC's config files, read as Python's configobj reads it: sections, quoted values,
// lists, comments that start a line or follow a value. An unquoted value ends at its first '#'.
//
//   auto entries = parse_config_text("[core]\nremote = far  # note\n", ".dvc/config");
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace iris::dataset {

struct ConfigEntry {
  std::vector<std::string> sections{};  // the outermost first; lower case, as DVC makes them
  std::string key{};                    // lower case
  std::string value{};                  // the items of a list with commas between them
  bool list = false;
  std::size_t line_number = 0;
};

// The entries in the file's order. `name` stands for the file in messages.
Result<std::vector<ConfigEntry>> parse_config_text(const std::string& text,
                                                   const std::string& name);

}  // namespace iris::dataset
