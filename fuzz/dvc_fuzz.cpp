// Any bytes as each of the files that `iris pull` and `iris check` read: no crash, and no path that
// leads out of the repository or the directory.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "dataset/dvc.hpp"
#include "dataset/listing.hpp"
#include "dataset/schema.hpp"

namespace {

// No part leads out of the folder or into what git and DVC read, in any spelling of ASCII.
void require_within(const std::string& path) {
  const std::filesystem::path parts(path);
  if (path.empty() || parts.is_absolute()) std::abort();
  for (const auto& part : parts) {
    std::string name = part.string();
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (name == "." || name == ".." || name == "git~1") std::abort();
    const bool hidden = name.starts_with(".git") || name.starts_with(".dvc");
    if (hidden && name.find_first_not_of(" .", 4) == std::string::npos) std::abort();
  }
}

void require_within(const iris::Result<std::vector<iris::dataset::DvcOut>>& outs) {
  if (!outs) return;
  for (const auto& out : *outs) {
    require_within(out.path);
    if (out.skipped.empty() && !iris::dataset::is_md5(out.md5)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0]) {
    case 'c': {
      iris::dataset::DvcRepository repository;
      static_cast<void>(iris::dataset::read_dvc_config(text, {"config", "/r/.dvc"}, repository));
      break;
    }
    case 'd':
      require_within(iris::dataset::parse_dvc_file(text, "a/b.dvc"));
      break;
    case 'l': {
      const auto middle = text.find('\x01');
      const std::string pipeline = middle == std::string::npos ? "" : text.substr(middle + 1);
      require_within(iris::dataset::parse_dvc_lock(text.substr(0, middle), pipeline, "dvc.lock"));
      break;
    }
    case 's':
      static_cast<void>(iris::dataset::parse_schema(text, "schema.yaml"));
      break;
    case 'j': {
      const auto files = iris::dataset::parse_listing(text, "listing");
      for (const auto& file : files.value_or(std::vector<iris::dataset::ListedFile>{})) {
        require_within(file.path);
      }
      break;
    }
    default:
      break;
  }
  return 0;
}
