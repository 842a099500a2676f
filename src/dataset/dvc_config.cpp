// DVC's config files: the keys of them that fetching and sending need.
#include <cstdlib>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "dataset/config_text.hpp"
#include "dataset/dvc.hpp"
#include "dataset/table.hpp"
#include "remote/settings.hpp"
#include "remote/token_hosts.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

// The value of an environment variable; empty when it is not set.
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// As Python's expanduser, of one's own home only.
std::string with_home(const std::string& path) {
  const std::string home = variable("HOME");
  if (home.empty() || !path.starts_with('~') || (path.size() > 1 && path[1] != '/')) return path;
  return home + path.substr(1);
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A path of a config file, from the file's folder. A URL is left as it is.
std::string resolved(const fs::path& folder, const std::string& value) {
  std::size_t word = 0;
  while (word < value.size() && is_word(value[word])) ++word;
  if (word > 0 && value.compare(word, 3, "://") == 0) return value;
  return (folder / with_home(value)).lexically_normal().string();
}

// The name in a section that is called 'remote "name"'; empty for others.
std::string remote_name(const ConfigEntry& entry) {
  constexpr std::string_view kRemote = "remote";
  const std::string_view section = entry.sections.front();
  if (section == kRemote && entry.sections.size() == 2) return entry.sections.back();
  if (!section.starts_with(kRemote) || entry.sections.size() != 1) return {};
  const auto first = section.find_first_not_of(" \t", kRemote.size());
  const auto last = section.find_last_not_of(" \t");
  if (first == std::string_view::npos || section[first] != '"' || section[last] != '"' ||
      first == last) {
    return {};
  }
  return std::string(section.substr(first + 1, last - first - 1));
}

void set_remote_value(const ConfigEntry& entry, const DvcConfigFile& file, DvcRemote& remote) {
  if (entry.key == "url") {
    remote.settings.url = resolved(file.folder, entry.value);
    remote.place_is_repositorys = !file.is_users;
  } else if (entry.key == "credentialpath") {
    remote.settings.options[entry.key] = resolved(file.folder, entry.value);
  } else {
    remote.settings.options[entry.key] = entry.value;
  }
  if (entry.key == "password") remote.secret_is_users = file.is_users;
  if (entry.key == "ssl_verify" && !file.is_users) remote.tls_is_repositorys = true;
}

Result<void> set_value(const ConfigEntry& entry, const DvcConfigFile& file,
                       DvcRepository& repository) {
  if (entry.sections.empty()) return {};
  const std::string section = entry.sections.size() == 1 ? entry.sections.front() : "";
  const std::string remote = remote_name(entry);
  const bool is_default = section == "core" && entry.key == "remote";
  const bool is_cache = section == "cache" && entry.key == "dir";
  if (entry.list && (is_default || is_cache || (!remote.empty() && entry.key != "type"))) {
    return input_error("{}:{}: {}: found a list, expected one value; quotes keep its commas",
                       file.name, entry.line_number, entry.key);
  }
  if (is_default) repository.default_remote = lower(entry.value);
  if (section == "core" && entry.key == "no_scm") {
    repository.uses_git = lower(entry.value) != "true";
  }
  if (is_cache) repository.cache = resolved(file.folder, entry.value);
  if (section == "cache" && entry.key == "type") {
    auto types = parse_link_types(entry.value);
    if (!types) {
      return input_error("{}:{}: {}", file.name, entry.line_number, types.error().message);
    }
    repository.cache_types = std::move(*types);
  }
  if (!remote.empty()) set_remote_value(entry, file, repository.remotes[remote]);
  return {};
}

// The folder that a level of the user's or the system's configuration is in, as platformdirs has
// it.
fs::path config_folder(const char* own, const char* xdg, const std::string& otherwise) {
  if (const std::string folder = variable(own); !folder.empty()) return folder;
  std::string base = variable(xdg);
  base = base.substr(0, base.find(':'));
  if (base.find_first_not_of(" \t") == std::string::npos) base = otherwise;
  return fs::path(with_home(base)) / "dvc";
}

// In the order in which later ones override earlier ones.
std::vector<DvcConfigFile> config_files(const fs::path& root) {
  return {
      {"", config_folder("DVC_SYSTEM_CONFIG_DIR", "XDG_CONFIG_DIRS", "/etc/xdg"), true},
      {"", config_folder("DVC_GLOBAL_CONFIG_DIR", "XDG_CONFIG_HOME", "~/.config"), true},
      {".dvc/config", root / ".dvc", false},
      {".dvc/config.local", root / ".dvc", false},
  };
}

// A remote whose URL is remote://OTHER/PATH is the other one, further in; its own settings win.
Result<DvcRemote> find_remote(const DvcRepository& repository, const std::string& name) {
  DvcRemote remote;
  std::string further;
  std::set<std::string> seen;
  for (std::string at = lower(name);;) {
    const auto found = repository.remotes.find(at);
    if (found == repository.remotes.end() || found->second.settings.url.empty()) {
      return environment_error(
          ".dvc/config: found no remote {}; add it with 'dvc remote add {} URL'", in_quotes(at),
          at);
    }
    if (!seen.insert(at).second) {
      return environment_error(".dvc/config: found the remote {} refer to itself, expected a URL",
                               in_quotes(at));
    }
    const DvcRemote& base = found->second;
    auto& options = remote.settings.options;
    if (options.count("password") == 0) remote.secret_is_users = base.secret_is_users;
    remote.tls_is_repositorys = remote.tls_is_repositorys || base.tls_is_repositorys;
    options.insert(base.settings.options.begin(), base.settings.options.end());
    const std::string& url = base.settings.url;
    constexpr std::string_view kReference = "remote://";
    if (!url.starts_with(kReference)) {
      remote.settings.url = url + further;
      remote.place_is_repositorys = base.place_is_repositorys;
      return remote;
    }
    const auto end = std::min(url.find('/', kReference.size()), url.size());
    const auto path = std::min(url.find_first_not_of('/', end), url.size());
    further.insert(0, "/" + url.substr(path));
    at = lower(url.substr(kReference.size(), end - kReference.size()));
  }
  return {};
}

// A password of the user's own configuration goes to the server that this configuration names. A
// repository, which comes from others, must not choose another one.
bool may_see_password(const DvcRemote& remote, const std::vector<std::string>& allowed) {
  const std::string& url = remote.settings.url;
  const bool is_web = url.starts_with("http://") || url.starts_with("https://");
  const bool is_repositorys = remote.place_is_repositorys || remote.tls_is_repositorys;
  return !is_web || !remote.secret_is_users || !is_repositorys ||
         remote::may_see_token(url, allowed);
}

}  // namespace

Result<void> read_dvc_config(const std::string& text, const DvcConfigFile& file,
                             DvcRepository& repository) {
  const auto entries = parse_config_text(text, file.name);
  if (!entries) return tl::unexpected(entries.error());
  for (const ConfigEntry& entry : *entries) {
    if (auto set = set_value(entry, file, repository); !set) return set;
  }
  return {};
}

Result<void> read_dvc_configs(DvcRepository& repository) {
  for (DvcConfigFile& file : config_files(repository.root)) {
    std::error_code code;
    const bool is_local = file.name.ends_with(".local");
    file.folder = fs::absolute(file.folder, code);
    const fs::path path = file.folder / (is_local ? "config.local" : "config");
    if (!fs::exists(path, code)) continue;
    // A link would make the user's own file a repository's, or another's this one's.
    if (!file.is_users && (fs::is_symlink(path, code) || fs::is_symlink(file.folder, code))) {
      return input_error("{}: found a link, expected a file of the repository", path.string());
    }
    if (file.name.empty()) file.name = path.string();
    const auto text = read_file(path.string(), limits::kConfigBytes);
    if (!text) return tl::unexpected(text.error());
    if (auto read = read_dvc_config(*text, file, repository); !read) return read;
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
  const auto found = find_remote(repository, chosen);
  if (!found) return tl::unexpected(found.error());
  if (!may_see_password(*found, options.token_hosts)) {
    return environment_error(
        "remote {}: found the password in your own configuration and the server in the "
        "repository's, which must not choose who sees it; --allow-endpoint HOST allows a server "
        "behind https",
        in_quotes(chosen));
  }
  auto remote = remote::open_remote(found->settings, options);
  if (remote) return remote;
  return tl::unexpected(Error{
      remote.error().code,
      fmt::format("remote {}: {}; 'dvc remote modify --local {} KEY VALUE' changes its settings",
                  in_quotes(chosen), remote.error().message, chosen)});
}

}  // namespace iris::dataset
