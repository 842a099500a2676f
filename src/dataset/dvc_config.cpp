// .dvc/config: the few keys of it that fetching needs.
#include <string_view>
#include <system_error>

#include "dataset/dvc.hpp"
#include "dataset/table.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.front() == text.back()) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

void set_value(std::string_view section, std::string_view key, std::string_view value,
               DvcRepository& repository) {
  constexpr std::string_view kRemote = "remote ";
  if (section == "core" && key == "remote") repository.default_remote = value;
  if (section == "cache" && key == "dir") {
    repository.cache = (repository.root / ".dvc" / value).lexically_normal();
  }
  if (section.starts_with(kRemote) && key == "url") {
    const std::string name(unquoted(trimmed(section.substr(kRemote.size()))));
    repository.remotes[name] = value;
  }
}

}  // namespace

// DVC writes it with Python's configobj: sections in brackets, quoted when they hold quotes.
Result<void> read_dvc_config(const std::string& text, const std::string& name,
                             DvcRepository& repository) {
  std::string section;
  std::size_t line_number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++line_number;
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      if (line.back() != ']') {
        return input_error("{}:{}: found {}, expected a section that ends with ]", name,
                           line_number, in_quotes(line));
      }
      section = unquoted(trimmed(line.substr(1, line.size() - 2)));
      continue;
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      return input_error("{}:{}: found {}, expected [section] or key = value", name, line_number,
                         in_quotes(line));
    }
    set_value(section, trimmed(line.substr(0, equals)), unquoted(trimmed(line.substr(equals + 1))),
              repository);
  }
  return {};
}

Result<fs::path> folder_of_remote(const DvcRepository& repository, const std::string& remote) {
  const std::string& name = remote.empty() ? repository.default_remote : remote;
  if (name.empty()) {
    return environment_error(
        ".dvc/config: found no default remote; set one with 'dvc remote add -d NAME FOLDER'");
  }
  const auto found = repository.remotes.find(name);
  if (found == repository.remotes.end()) {
    return environment_error(
        ".dvc/config: found no remote {}; add it with 'dvc remote add {} FOLDER'", in_quotes(name),
        name);
  }
  std::string url = found->second;
  if (constexpr std::string_view kFile = "file://"; url.starts_with(kFile)) {
    url.erase(0, kFile.size());
  }
  if (url.find("://") != std::string::npos) {
    return environment_error(
        "remote {}: found the URL {}, expected a folder, the only kind that iris fetches from; "
        "'dvc pull' fetches from others",
        in_quotes(name), url);
  }
  // DVC writes a relative URL relative to the folder of its config file.
  const fs::path folder = (repository.root / ".dvc" / url).lexically_normal();
  std::error_code code;
  if (!fs::is_directory(folder, code)) {
    return environment_error(
        "remote {}: found no folder {}; mount it, or set another with "
        "'dvc remote modify --local {} url FOLDER'",
        in_quotes(name), folder.string(), name);
  }
  return folder;
}

}  // namespace iris::dataset
