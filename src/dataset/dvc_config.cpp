// .dvc/config: the few keys of it that fetching needs.
#include <string_view>
#include <utility>

#include "dataset/dvc.hpp"
#include "dataset/table.hpp"

namespace iris::dataset {
namespace {

std::string_view stripped(std::string_view text) {
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

Result<void> set_value(std::string_view section, std::string_view key, std::string_view value,
                       DvcRepository& repository) {
  constexpr std::string_view kRemote = "remote ";
  if (section == "core" && key == "remote") repository.default_remote = value;
  if (section == "cache" && key == "dir") {
    repository.cache = (repository.root / ".dvc" / value).lexically_normal();
  }
  if (section == "cache" && key == "type") {
    auto types = parse_link_types(value);
    if (!types) return tl::unexpected(types.error());
    repository.cache_types = std::move(*types);
  }
  if (section.starts_with(kRemote)) {
    auto& remote =
        repository.remotes[std::string(unquoted(stripped(section.substr(kRemote.size()))))];
    if (key == "url") {
      remote.url = value;
    } else {
      remote.options[std::string(key)] = value;
    }
  }
  return {};
}

}  // namespace

// DVC writes it with Python's configobj: sections in brackets, quoted when they hold quotes.
Result<void> read_dvc_config(const std::string& text, const std::string& name,
                             DvcRepository& repository) {
  std::string section;
  std::size_t line_number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = stripped(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++line_number;
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      if (line.back() != ']') {
        return input_error("{}:{}: found {}, expected a section that ends with ]", name,
                           line_number, in_quotes(line));
      }
      section = unquoted(stripped(line.substr(1, line.size() - 2)));
      continue;
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      return input_error("{}:{}: found {}, expected [section] or key = value", name, line_number,
                         in_quotes(line));
    }
    const auto set = set_value(section, stripped(line.substr(0, equals)),
                               unquoted(stripped(line.substr(equals + 1))), repository);
    if (!set) return input_error("{}:{}: {}", name, line_number, set.error().message);
  }
  return {};
}

Result<std::unique_ptr<remote::Remote>> open_dvc_remote(const DvcRepository& repository,
                                                        const std::string& name,
                                                        const remote::RemoteOptions& options) {
  const std::string& chosen = name.empty() ? repository.default_remote : name;
  if (chosen.empty()) {
    return environment_error(
        ".dvc/config: found no default remote; set one with 'dvc remote add -d NAME URL'");
  }
  const auto found = repository.remotes.find(chosen);
  if (found == repository.remotes.end() || found->second.url.empty()) {
    return environment_error(".dvc/config: found no remote {}; add it with 'dvc remote add {} URL'",
                             in_quotes(chosen), chosen);
  }
  remote::RemoteSettings settings = found->second;
  const auto from_config = [&](const std::string& path) {
    return (repository.root / ".dvc" / path).lexically_normal().string();
  };
  if (settings.url.find("://") == std::string::npos) settings.url = from_config(settings.url);
  if (auto path = settings.options.find("credentialpath"); path != settings.options.end()) {
    path->second = from_config(path->second);
  }
  auto remote = remote::open_remote(settings, options);
  if (remote) return remote;
  return tl::unexpected(Error{
      remote.error().code,
      fmt::format("remote {}: {}; 'dvc remote modify --local {} KEY VALUE' changes its settings",
                  in_quotes(chosen), remote.error().message, chosen)});
}

}  // namespace iris::dataset
