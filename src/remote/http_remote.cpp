#include "remote/http_remote.hpp"

#include <utility>

#include "remote/encoding.hpp"
#include "remote/http_transfer.hpp"
#include "remote/retry.hpp"
#include "remote/settings.hpp"

namespace iris::remote {
namespace {

class FixedHeader final : public Authorization {
 public:
  explicit FixedHeader(std::string header) : header_(std::move(header)) {}
  Result<std::vector<std::string>> headers() override { return std::vector{header_}; }
  bool renew() override { return false; }

 private:
  std::string header_;
};

Result<std::unique_ptr<Authorization>> authorization_of(const RemoteSettings& settings) {
  const std::string kind = setting(settings, "auth");
  if (kind.empty()) return nullptr;
  const std::string password = setting(settings, "password");
  const auto lacks = [](const char* key) {
    return environment_error(
        "found no {}, which the remote's auth needs; 'dvc remote modify --local NAME {} …' sets it "
        "in a file that git does not see",
        key, key);
  };
  if (password.empty()) return lacks("password");
  if (kind == "basic") {
    const std::string user = setting(settings, "user");
    if (user.empty()) return lacks("user");
    return std::make_unique<FixedHeader>("Authorization: Basic " +
                                         to_base64(user + ":" + password));
  }
  if (kind == "custom") {
    const std::string name = setting(settings, "custom_auth_header");
    if (name.empty()) return lacks("custom_auth_header");
    return std::make_unique<FixedHeader>(name + ": " + password);
  }
  return environment_error("found auth = {}, expected basic or custom", as_one_line(kind));
}

class HttpRemote final : public Remote {
 public:
  HttpRemote(std::string url, std::string upload_method, HttpTransfer transfer)
      : url_(std::move(url)),
        upload_method_(std::move(upload_method)),
        transfer_(std::move(transfer)) {}

  std::string place_of(const std::string& key) const override { return shown_url(url_of(key)); }

  Result<std::optional<ObjectInfo>> find(const std::string& key) override {
    const auto answer = exchange("HEAD", key);
    if (!answer) return tl::unexpected(answer.error());
    if (is_missing(*answer)) return std::nullopt;
    if (answer->status != 200) return tl::unexpected(error_of(*answer, place_of(key)));
    return ObjectInfo{parse_bytes(answer->header("content-length")), ""};
  }

  Result<bool> get(const std::string& key, ByteSink& sink) override {
    return transfer_.download(url_of(key), place_of(key), sink);
  }

  Result<void> put(const std::string& key, const Upload& upload) override {
    Retry retry(transfer_.options());
    while (true) {
      std::int64_t sent = 0;
      const HttpRequest request{
          .method = upload_method_,
          .url = url_of(key),
          .headers = {"Content-Type: application/octet-stream"},
          .body = HttpBody{
              .file = upload.file, .bytes = upload.bytes, .on_bytes = [&](std::int64_t bytes) {
                sent += bytes;
                if (upload.on_bytes) upload.on_bytes(bytes);
              }}};
      const auto answer = transfer_.send(request);
      if (answer && answer->status / 100 == 2) return {};
      if (upload.on_bytes) upload.on_bytes(-sent);
      if (!may_pass(answer) || !retry.wait(answer)) {
        return tl::unexpected(error_of(answer, place_of(key)));
      }
    }
  }

  Result<bool> remove(const std::string& key) override {
    const auto answer = exchange("DELETE", key);
    if (!answer) return tl::unexpected(answer.error());
    if (is_missing(*answer)) return false;
    if (answer->status / 100 != 2) return tl::unexpected(error_of(*answer, place_of(key)));
    return true;
  }

 private:
  static bool is_missing(const HttpResponse& answer) {
    return answer.status == 404 || answer.status == 410;
  }
  std::string url_of(const std::string& key) const {
    return url_ + "/" + percent_encoded(key, "/");
  }
  Result<HttpResponse> exchange(const char* method, const std::string& key) {
    return transfer_.exchange({.method = method, .url = url_of(key)}, place_of(key));
  }

  std::string url_;
  std::string upload_method_;
  HttpTransfer transfer_;
};

}  // namespace

Result<std::unique_ptr<Remote>> open_http_remote(const RemoteSettings& settings,
                                                 const RemoteOptions& options) {
  auto authorization = authorization_of(settings);
  if (!authorization) return tl::unexpected(authorization.error());
  HttpClientOptions client_options{.connect_timeout = options.connect_timeout,
                                   .stall_timeout = options.stall_timeout};
  set_verification(setting(settings, "ssl_verify"), client_options);
  auto client = HttpClient::open(client_options);
  if (!client) return tl::unexpected(client.error());
  std::string url = settings.url;
  while (url.ends_with('/')) url.pop_back();
  std::string method = setting(settings, "method");
  if (method.empty()) method = "POST";  // DVC's choice
  return std::make_unique<HttpRemote>(
      std::move(url), std::move(method),
      HttpTransfer(std::move(*client), std::move(*authorization), options));
}

}  // namespace iris::remote
