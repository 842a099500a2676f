#include "remote/remote.hpp"

#include <cctype>
#include <cstdlib>

#include "remote/folder_remote.hpp"
#include "remote/gs_remote.hpp"
#include "remote/http_remote.hpp"
#include "remote/settings.hpp"

namespace iris::remote {

std::string setting(const RemoteSettings& settings, const std::string& key) {
  const auto found = settings.options.find(key);
  return found == settings.options.end() ? std::string() : found->second;
}

bool is_true(const std::string& text) {
  std::string lowered;
  for (const char c : text) {
    lowered += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return lowered == "true" || lowered == "yes" || lowered == "on" || lowered == "1";
}

void set_verification(const std::string& ssl_verify, HttpClientOptions& options) {
  if (ssl_verify.empty() || is_true(ssl_verify)) return;
  if (ssl_verify.find('/') != std::string::npos) {
    options.ca_file = ssl_verify;
  } else {
    options.verify_peer = false;
  }
}

std::optional<std::string> environment_of(const RemoteOptions& options, const char* name) {
  std::optional<std::string> value;
  if (options.environment) {
    value = options.environment(name);
  } else if (const char* text = std::getenv(name)) {
    value = text;
  }
  if (value && value->empty()) value.reset();
  return value;
}

Result<std::unique_ptr<Remote>> open_remote(const RemoteSettings& settings,
                                            const RemoteOptions& options) {
  const std::string& url = settings.url;
  if (url.starts_with("http://") || url.starts_with("https://")) {
    return open_http_remote(settings, options);
  }
  if (url.starts_with("gs://")) return open_gs_remote(settings, options);
  constexpr std::string_view kFile = "file://";
  const std::string folder = url.starts_with(kFile) ? url.substr(kFile.size()) : url;
  if (folder.find("://") != std::string::npos) {
    return environment_error(
        "found the URL {}, expected a folder, http://, https:// or gs://; 'dvc pull' fetches from "
        "others",
        shown_url(url));
  }
  return open_folder_remote(folder);
}

}  // namespace iris::remote
