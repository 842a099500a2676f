#include "cli/overwriting.hpp"

#include <filesystem>
#include <system_error>

namespace iris::cli {
namespace {

namespace fs = std::filesystem;

// The same file, or a file that would be the same if it existed. Devices hold nothing to lose.
bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code code;
  if (fs::exists(a, code) && fs::exists(b, code)) {
    return fs::is_regular_file(a, code) && fs::equivalent(a, b, code);
  }
  // Absolute first: of a relative path that does not exist yet nothing is made canonical.
  const auto canonical_a = fs::weakly_canonical(fs::absolute(a, code), code);
  const auto canonical_b = fs::weakly_canonical(fs::absolute(b, code), code);
  return !code && canonical_a == canonical_b;
}

}  // namespace

Result<void> refuse_overwriting(const std::vector<NamedPath>& outputs,
                                const std::vector<NamedPath>& inputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& [name, path] = outputs[i];
    if (path.empty()) continue;
    for (const auto& input : inputs) {
      if (input.path.empty() || !is_same_file(path, input.path)) continue;
      return input_error("{}: expected another file than {}, found {}, which would be overwritten",
                         name, input.name, input.path);
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (outputs[j].path.empty() || !is_same_file(path, outputs[j].path)) continue;
      return input_error("{}: expected another file than {}, found {} for both", name,
                         outputs[j].name, path);
    }
  }
  return {};
}

}  // namespace iris::cli
