// The words of a shell's command line that is one simple command: words, quotes, variables.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iris::scale {

// None for anything that takes a shell to know: several commands, redirections, patterns,
// substitutions, variables that `variables` lacks. A leading `exec` is left out.
std::optional<std::vector<std::string>> shell_words(
    std::string_view text, const std::map<std::string, std::string>& variables);

}  // namespace iris::scale
