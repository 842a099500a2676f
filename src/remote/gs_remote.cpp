#include "remote/gs_remote.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "remote/encoding.hpp"
#include "remote/google_token.hpp"
#include "remote/gs_upload.hpp"
#include "remote/http_transfer.hpp"
#include "remote/retry.hpp"
#include "remote/settings.hpp"
#include "remote/token_hosts.hpp"

namespace iris::remote {
namespace {

bool is_missing(const HttpResponse& answer) {
  return answer.status == 404 || answer.status == 410;
}

class GsRemote final : public Remote {
 public:
  GsRemote(std::string endpoint, std::string bucket, std::string prefix, HttpTransfer transfer)
      : endpoint_(std::move(endpoint)),
        bucket_(std::move(bucket)),
        prefix_(std::move(prefix)),
        transfer_(std::move(transfer)) {}

  std::string place_of(const std::string& key) const override {
    return "gs://" + bucket_ + "/" + prefix_ + key;
  }

  Result<std::optional<ObjectInfo>> find(const std::string& key) override {
    const std::string place = place_of(key);
    const auto answer =
        transfer_.exchange({.url = object_url(key) + "?fields=size,md5Hash"}, place);
    if (!answer) return tl::unexpected(answer.error());
    if (is_missing(*answer)) return std::nullopt;
    if (answer->status != 200) return tl::unexpected(error_of(*answer, place));
    return stored_object(*answer, place);
  }

  Result<bool> get(const std::string& key, ByteSink& sink) override {
    return transfer_.download(object_url(key) + "?alt=media", place_of(key), sink);
  }

  Result<void> put(const std::string& key, const Upload& upload) override {
    const GsTarget target{endpoint_ + "/upload/storage/v1/b/" + percent_encoded(bucket_) + "/o",
                          prefix_ + key, place_of(key)};
    return upload.bytes >= transfer_.options().large_upload_bytes
               ? ResumableUpload(transfer_, target, upload).run()
               : upload_at_once(transfer_, target, upload);
  }

  Result<bool> remove(const std::string& key) override {
    const auto answer =
        transfer_.exchange({.method = "DELETE", .url = object_url(key)}, place_of(key));
    if (!answer) return tl::unexpected(answer.error());
    if (is_missing(*answer)) return false;
    if (answer->status / 100 != 2) return tl::unexpected(error_of(*answer, place_of(key)));
    return true;
  }

 private:
  std::string object_url(const std::string& key) const {
    return endpoint_ + "/storage/v1/b/" + percent_encoded(bucket_) + "/o/" +
           percent_encoded(prefix_ + key);
  }

  std::string endpoint_;
  std::string bucket_;
  std::string prefix_;  // empty, or with a slash at its end
  HttpTransfer transfer_;
};

struct Endpoint {
  std::string url = "https://storage.googleapis.com";
  bool emulator = false;
  bool from_environment = false;
};

Endpoint endpoint_of(const RemoteSettings& settings, const RemoteOptions& options) {
  Endpoint endpoint;
  if (const std::string url = setting(settings, "endpointurl"); !url.empty()) {
    endpoint = {url, !url.starts_with("https://"), false};
  } else if (const auto host = environment_of(options, "STORAGE_EMULATOR_HOST")) {
    endpoint = {host->find("://") == std::string::npos ? "http://" + *host : *host, true, true};
  }
  while (endpoint.url.ends_with('/')) endpoint.url.pop_back();
  return endpoint;
}

Result<std::unique_ptr<Authorization>> authorization_of(const RemoteSettings& settings,
                                                        const Endpoint& endpoint,
                                                        const RemoteOptions& options) {
  const std::string key_file = setting(settings, "credentialpath");
  if (is_true(setting(settings, "allow_anonymous_login"))) return nullptr;
  if (endpoint.emulator && key_file.empty()) return nullptr;
  const bool users_word = endpoint.from_environment && endpoint.url.starts_with("https://");
  if (!users_word && !may_see_token(endpoint.url, options.token_hosts)) {
    if (endpoint.url.starts_with("https://")) {
      return environment_error(
          "found the endpoint {}, expected one of Google's or of this machine, where the token may "
          "be sent; --allow-endpoint HOST allows another, allow_anonymous_login sends none",
          shown_url(endpoint.url));
    }
    return environment_error(
        "found the endpoint {}, expected https, or one of this machine, where credentials are sent",
        shown_url(endpoint.url));
  }
  return open_google_token(key_file, options);
}

}  // namespace

Result<std::unique_ptr<Remote>> open_gs_remote(const RemoteSettings& settings,
                                               const RemoteOptions& options) {
  const std::string path = settings.url.substr(settings.url.find("://") + 3);
  const std::string bucket = path.substr(0, path.find('/'));
  if (bucket.empty()) {
    return environment_error("found the URL {}, expected gs://BUCKET/PATH", settings.url);
  }
  std::string prefix = path.substr(std::min(path.size(), bucket.size() + 1));
  while (prefix.ends_with('/')) prefix.pop_back();
  if (!prefix.empty()) prefix += '/';

  const Endpoint endpoint = endpoint_of(settings, options);
  auto authorization = authorization_of(settings, endpoint, options);
  if (!authorization) return tl::unexpected(authorization.error());
  auto client = HttpClient::open(
      {.connect_timeout = options.connect_timeout, .stall_timeout = options.stall_timeout});
  if (!client) return tl::unexpected(client.error());
  return std::make_unique<GsRemote>(
      endpoint.url, bucket, std::move(prefix),
      HttpTransfer(std::move(*client), std::move(*authorization), options));
}

}  // namespace iris::remote
