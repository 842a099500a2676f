#include "dataset/listing.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "base/limits.hpp"
#include "dataset/dvc.hpp"
#include "dataset/table.hpp"
#include "dataset/workspace_path.hpp"

namespace iris::dataset {
Result<std::vector<ListedFile>> parse_listing(const std::string& text, const std::string& name) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) {
    return input_error("{}: found no JSON list, expected the files of a directory", name);
  }
  if (json.size() > limits::kDirectoryFiles) {
    return input_error("{}: found {} files, expected at most {}", name, json.size(),
                       limits::kDirectoryFiles);
  }
  std::vector<ListedFile> files;
  std::set<std::string_view> seen;
  files.reserve(json.size());  // so that `seen` may point into it
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto text_of = [&](const char* key) {
      const auto found = json[i].is_object() ? json[i].find(key) : json[i].end();
      return found != json[i].end() && found->is_string() ? found->get<std::string>() : "";
    };
    ListedFile file{text_of("relpath"), text_of("md5")};
    if (const auto expected = refused_path(file.path); !expected.empty()) {
      return input_error("{}: entry {}: found relpath {}, expected {}", name, i,
                         in_quotes(file.path), expected);
    }
    if (!is_md5(file.md5)) {
      return input_error("{}: entry {}: found md5 {}, expected 32 digits", name, i,
                         in_quotes(file.md5));
    }
    files.push_back(std::move(file));
    if (!seen.insert(files.back().path).second) {
      return input_error("{}: entry {}: found {} again, expected each file once", name, i,
                         in_quotes(files.back().path));
    }
  }
  return files;
}

std::string listing_text(std::vector<ListedFile> files) {
  // Python compares code points, which for UTF-8 is comparing bytes.
  std::sort(files.begin(), files.end(),
            [](const ListedFile& a, const ListedFile& b) { return a.path < b.path; });
  std::string text = "[";
  for (const ListedFile& file : files) {
    if (text.size() > 1) text += ", ";
    // A name that is no UTF-8 is no text for Python either: DVC cannot have listed it.
    const std::string path =
        nlohmann::json(file.path).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    text += "{\"md5\": \"" + file.md5 + "\", \"relpath\": " + path + "}";
  }
  return text + "]";
}

}  // namespace iris::dataset
