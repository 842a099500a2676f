#include "remote/google_token.hpp"

#include <mutex>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/file.hpp"
#include "remote/encoding.hpp"
#include "remote/retry.hpp"
#include "remote/rs256.hpp"
#include "remote/settings.hpp"
#include "remote/token_hosts.hpp"

namespace iris::remote {
namespace {

using Json = nlohmann::json;

constexpr const char* kScope = "https://www.googleapis.com/auth/devstorage.read_write";
constexpr const char* kCloudScope = "https://www.googleapis.com/auth/cloud-platform";
constexpr const char* kGoogleTokens = "https://oauth2.googleapis.com/token";
constexpr std::size_t kKeyFileBytes = std::size_t{64} << 10;
constexpr auto kClaimLifetime = std::chrono::hours(1);
constexpr auto kRenewedBefore = std::chrono::minutes(2);

struct Token {
  std::string text;
  WallTime ends;
};

// A member that is a string; empty otherwise.
std::string text_of(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string form(std::initializer_list<std::pair<const char*, std::string>> fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    text += (text.empty() ? "" : "&") + std::string(name) + "=" + percent_encoded(value);
  }
  return text;
}

// Fetches tokens with the credentials of one source.
class TokenSource {
 public:
  TokenSource(std::unique_ptr<HttpClient> client, const RemoteOptions& options, std::string name)
      : client_(std::move(client)), options_(options), name_(std::move(name)) {}
  TokenSource(const TokenSource&) = delete;
  TokenSource& operator=(const TokenSource&) = delete;
  virtual ~TokenSource() = default;

  virtual Result<Token> fetch() = 0;

 protected:
  WallTime now() const { return options_.now ? options_.now() : SystemClock().wall(); }
  const std::string& name() const { return name_; }
  RemoteOptions& options() { return options_; }

  // The JSON that a service answers. Secrets are in the request alone; of an error only what the
  // service says for people is shown.
  Result<Json> ask(const HttpRequest& request) {
    if (!request.url.starts_with("https://") && !is_loopback_url(request.url) &&
        request.through_proxy) {
      return environment_error("{}: found {}, expected a service behind https", name_,
                               shown_url(request.url));
    }
    // The file may be one that a repository's settings name: what it tells of here is who would
    // see the credential.
    if (request.through_proxy && request.method == "POST" &&
        !may_see_token(request.url, options_.token_hosts)) {
      return environment_error(
          "{}: found {}, expected one of Google's services or one of this machine; "
          "--allow-endpoint HOST allows another",
          name_, shown_url(request.url));
    }
    const auto answer =
        send_patiently([&] { return client_->send(request); }, options_, shown_url(request.url));
    if (!answer) return tl::unexpected(answer.error());
    auto json = Json::parse(answer->body, nullptr, false);
    if (answer->status == 200) return json;
    const std::string said = text_of(json, "error_description");
    return environment_error(
        "{}: {} gives no token (status {}{}{}); was the key revoked, or does the account lack a "
        "role? Make a new key, or run 'gcloud auth application-default login'",
        name_, shown_url(request.url), answer->status, said.empty() ? "" : ": ", as_one_line(said));
  }

  Result<Token> token_of(const Result<Json>& json) const {
    if (!json) return tl::unexpected(json.error());
    const std::string text = text_of(*json, "access_token");
    if (text.empty()) return environment_error("{}: found an answer without access_token", name_);
    const auto seconds = json->value("expires_in", Json(0));
    return Token{text, now() + std::chrono::seconds(
                                   seconds.is_number_integer() ? seconds.get<std::int64_t>() : 0)};
  }

  Result<Token> exchange(const std::string& url, const std::string& fields) {
    return token_of(ask({.method = "POST",
                         .url = url,
                         .headers = {"Content-Type: application/x-www-form-urlencoded"},
                         .body = HttpBody{.before = fields}}));
  }

 private:
  std::unique_ptr<HttpClient> client_;
  RemoteOptions options_;
  std::string name_;
};

class ServiceAccount final : public TokenSource {
 public:
  ServiceAccount(std::unique_ptr<HttpClient> client, const RemoteOptions& options, std::string name,
                 std::string key, std::string token_url)
      : TokenSource(std::move(client), options, std::move(name)),
        key_(std::move(key)),
        token_url_(std::move(token_url)) {}

  Result<Token> fetch() override {
    const auto claim = service_account_claim(key_, now());
    if (!claim) return environment_error("{}: {}", name(), claim.error().message);
    return exchange(token_url_, form({{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                                      {"assertion", *claim}}));
  }

 private:
  std::string key_;
  std::string token_url_;
};

class User final : public TokenSource {
 public:
  User(std::unique_ptr<HttpClient> client, const RemoteOptions& options, std::string name,
       Json json)
      : TokenSource(std::move(client), options, std::move(name)), json_(std::move(json)) {}

  Result<Token> fetch() override {
    const std::string url = text_of(json_, "token_uri");
    return exchange(url.empty() ? kGoogleTokens : url,
                    form({{"grant_type", "refresh_token"},
                          {"client_id", text_of(json_, "client_id")},
                          {"client_secret", text_of(json_, "client_secret")},
                          {"refresh_token", text_of(json_, "refresh_token")}}));
  }

 private:
  Json json_;
};

// Workload identity federation: a token of someone else, GitHub for one, is exchanged for one of
// Google's, and that, when it is told, for one of a service account (google.aip.dev/auth/4117).
class ExternalAccount final : public TokenSource {
 public:
  ExternalAccount(std::unique_ptr<HttpClient> client, const RemoteOptions& options,
                  std::string name, Json json)
      : TokenSource(std::move(client), options, std::move(name)), json_(std::move(json)) {}

  Result<Token> fetch() override {
    const auto subject = subject_token();
    if (!subject) return tl::unexpected(subject.error());
    const std::string account = text_of(json_, "service_account_impersonation_url");
    auto token =
        exchange(text_of(json_, "token_url"),
                 form({{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                       {"audience", text_of(json_, "audience")},
                       {"scope", account.empty() ? kScope : kCloudScope},
                       {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
                       {"subject_token", *subject},
                       {"subject_token_type", text_of(json_, "subject_token_type")}}));
    return token && !account.empty() ? impersonate(account, *token) : token;
  }

 private:
  Result<std::string> subject_token() {
    const Json source = json_.value("credential_source", Json::object());
    const Json format = source.is_object() ? source.value("format", Json::object()) : Json();
    std::string text;
    if (const std::string file = text_of(source, "file"); !file.empty()) {
      auto read = read_file(file, kKeyFileBytes);
      if (!read) return environment_error("{}: {}", name(), read.error().message);
      text = std::move(*read);
    } else if (const std::string url = text_of(source, "url"); !url.empty()) {
      HttpRequest request{.url = url};
      const Json headers = source.value("headers", Json::object());
      for (const auto& [key, value] : headers.items()) {
        if (value.is_string()) request.secrets.push_back(key + ": " + value.get<std::string>());
      }
      auto json = ask(request);
      if (!json) return tl::unexpected(json.error());
      text = json->dump();
    } else {
      return environment_error("{}: found no credential_source with a file or a url", name());
    }
    if (text_of(format, "type") != "json") return text;
    const auto json = Json::parse(text, nullptr, false);
    std::string token = text_of(json, text_of(format, "subject_token_field_name").c_str());
    if (token.empty()) return environment_error("{}: found no token in its source", name());
    return token;
  }

  Result<Token> impersonate(const std::string& url, const Token& token) {
    const auto json = ask({.method = "POST",
                           .url = url,
                           .headers = {"Content-Type: application/json"},
                           .secrets = {"Authorization: Bearer " + token.text},
                           .body = HttpBody{.before = Json{{"scope", {kScope}}}.dump()}});
    if (!json) return tl::unexpected(json.error());
    const auto ends = parse_rfc3339(text_of(*json, "expireTime"));
    const std::string text = text_of(*json, "accessToken");
    if (text.empty()) return environment_error("{}: found an answer without accessToken", name());
    return Token{text, ends ? *ends : now()};
  }

  Json json_;
};

class MetadataServer final : public TokenSource {
 public:
  MetadataServer(std::unique_ptr<HttpClient> client, const RemoteOptions& options)
      : TokenSource(std::move(client), options, "metadata server") {
    // Where there is none, that should show soon.
    this->options().retry.attempts = std::min(options.retry.attempts, 2);
  }

  Result<Token> fetch() override {
    const auto host = environment_of(options(), "GCE_METADATA_HOST");
    // It is no https, and nothing may stand between: its address is of the machine itself.
    auto token = token_of(ask({.url = "http://" + host.value_or("metadata.google.internal") +
                                      "/computeMetadata/v1/instance/service-accounts/default/token",
                               .headers = {"Metadata-Flavor: Google"},
                               .through_proxy = false,
                               .timeout = std::chrono::seconds(5)}));
    if (token) return token;
    return environment_error(
        "found no credentials for Google Cloud: the remote has no credentialpath, "
        "GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud left none, and there is no metadata "
        "server ({}); run 'gcloud auth application-default login', or set "
        "GOOGLE_APPLICATION_CREDENTIALS to a key file",
        token.error().message);
  }
};

class GoogleToken final : public Authorization {
 public:
  GoogleToken(std::unique_ptr<TokenSource> source, const RemoteOptions& options)
      : source_(std::move(source)), options_(options) {}

  Result<std::vector<std::string>> headers() override {
    const std::lock_guard lock(mutex_);
    const WallTime now = options_.now ? options_.now() : SystemClock().wall();
    // Without credentials every object would wait as long for the same answer.
    if (failed_) return tl::unexpected(*failed_);
    if (token_.text.empty() || now + kRenewedBefore >= token_.ends) {
      auto token = source_->fetch();
      if (!token) return tl::unexpected(failed_.emplace(std::move(token.error())));
      token_ = std::move(*token);
    }
    return std::vector{"Authorization: Bearer " + token_.text};
  }

  bool renew() override {
    const std::lock_guard lock(mutex_);
    token_.text.clear();
    return true;
  }

 private:
  std::unique_ptr<TokenSource> source_;
  RemoteOptions options_;
  std::mutex mutex_;
  Token token_;
  std::optional<Error> failed_;
};

// The first of the files of 1., 2. and 3. that is named or there; empty when there is none.
std::string credentials_file(const std::string& key_file, const RemoteOptions& options) {
  if (!key_file.empty()) return key_file;
  if (const auto named = environment_of(options, "GOOGLE_APPLICATION_CREDENTIALS")) return *named;
  const auto gcloud = environment_of(options, "CLOUDSDK_CONFIG");
  const auto home = environment_of(options, "HOME");
  if (!gcloud && !home) return {};
  const auto path = std::filesystem::path(gcloud ? *gcloud : *home + "/.config/gcloud") /
                    "application_default_credentials.json";
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) ? path.string() : std::string();
}

Result<std::unique_ptr<TokenSource>> open_source(const std::string& file,
                                                 const RemoteOptions& options) {
  auto client = HttpClient::open({.connect_timeout = options.connect_timeout});
  if (!client) return tl::unexpected(client.error());
  if (file.empty()) return std::make_unique<MetadataServer>(std::move(*client), options);
  auto text = read_file(file, kKeyFileBytes);
  if (!text) return environment_error("{}", text.error().message);
  auto json = Json::parse(*text, nullptr, false);
  const std::string type = text_of(json, "type");
  if (type == "service_account") {
    std::string url = text_of(json, "token_uri");
    if (url.empty()) url = kGoogleTokens;
    return std::make_unique<ServiceAccount>(std::move(*client), options, file, std::move(*text),
                                            std::move(url));
  }
  if (type == "authorized_user") {
    return std::make_unique<User>(std::move(*client), options, file, std::move(json));
  }
  if (type == "external_account") {
    return std::make_unique<ExternalAccount>(std::move(*client), options, file, std::move(json));
  }
  return environment_error(
      "{}: found {}, expected the JSON of a service account's key, a user's credentials or an "
      "external account",
      file, type.empty() ? "no \"type\"" : fmt::format("type \"{}\"", as_one_line(type)));
}

}  // namespace

Result<std::string> service_account_claim(const std::string& key, WallTime now) {
  const auto json = Json::parse(key, nullptr, false);
  const std::string account = text_of(json, "client_email");
  const std::string pem = text_of(json, "private_key");
  std::string audience = text_of(json, "token_uri");
  if (audience.empty()) audience = kGoogleTokens;
  if (account.empty() || pem.empty()) {
    return environment_error("found no client_email or no private_key");
  }
  const auto seconds = [](WallTime time) {
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  };
  const Json header{{"alg", "RS256"}, {"typ", "JWT"}, {"kid", text_of(json, "private_key_id")}};
  const Json claims{{"iss", account},
                    {"scope", kScope},
                    {"aud", audience},
                    {"iat", seconds(now)},
                    {"exp", seconds(now + kClaimLifetime)}};
  std::string claim = to_base64_url(header.dump()) + "." + to_base64_url(claims.dump());
  const auto signature = rs256_signature(pem, claim);
  if (!signature) return tl::unexpected(signature.error());
  return claim + "." + to_base64_url(*signature);
}

Result<std::unique_ptr<Authorization>> open_google_token(const std::string& key_file,
                                                         const RemoteOptions& options) {
  auto source = open_source(credentials_file(key_file, options), options);
  if (!source) return tl::unexpected(source.error());
  return std::make_unique<GoogleToken>(std::move(*source), options);
}

}  // namespace iris::remote
