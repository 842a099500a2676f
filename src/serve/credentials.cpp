#include "serve/credentials.hpp"

#include <utility>

#include "base/digest.hpp"
#include "base/limits.hpp"

namespace iris::serve {
namespace {

// Of both files together; empty when one cannot be read.
std::string digest_of(const std::string& first, const std::string& second) {
  const auto a = read_file(first, limits::kConfigBytes);
  const auto b = read_file(second, limits::kConfigBytes);
  return a && b ? sha256_hex(*a) + sha256_hex(*b) : std::string{};
}

}  // namespace

Result<std::unique_ptr<Credentials>> Credentials::load(const CredentialPaths& paths, Log& log) {
  std::unique_ptr<Credentials> result(new Credentials(paths, log));
  const std::pair<const std::string&, std::optional<AccessTokens>&> tokens[] = {
      {paths.token, result->token_}, {paths.admin_token, result->admin_token_}};
  for (const auto& [path, place] : tokens) {
    if (path.empty()) continue;
    auto token = AccessToken::read(path, log);
    if (!token) return tl::unexpected(token.error());
    place.emplace(std::move(*token));
  }
  if (!paths.tls_certificate.empty()) {
    result->tls_digest_ = digest_of(paths.tls_certificate, paths.tls_key);
    auto identity = http::TlsIdentity::load(paths.tls_certificate, paths.tls_key);
    if (!identity) return tl::unexpected(identity.error());
    result->tls_.emplace(std::move(*identity));
  }
  return result;
}

Credentials::Credentials(const CredentialPaths& paths, Log& log) : paths_(paths), log_(log) {
  for (const auto& path :
       {paths_.token, paths_.admin_token, paths_.tls_certificate, paths_.tls_key}) {
    if (!path.empty()) files_.push_back({path, file_stamp(path)});
  }
}

void Credentials::reload() {
  reload_token(paths_.token, token_);
  reload_token(paths_.admin_token, admin_token_);
  reload_tls();
}

void Credentials::reload_token(const std::string& path, std::optional<AccessTokens>& tokens) {
  if (!tokens) return;
  auto token = AccessToken::read(path, log_);
  if (!token) {
    return log_.error("reload: refused, the token from before is asked for on: {}",
                      token.error().message);
  }
  if (**token == *tokens->current()) return;
  tokens->replace(std::move(*token));
  log_.info("reload: the token in {} is asked for from now on", path);
}

// Certificate and key may be written one after the other, and each is told of: what does not fit
// together yet is tried again with the next change.
void Credentials::reload_tls() {
  if (!tls_) return;
  auto digest = digest_of(paths_.tls_certificate, paths_.tls_key);
  if (digest == tls_digest_) return;
  tls_digest_ = std::move(digest);
  auto identity = http::TlsIdentity::load(paths_.tls_certificate, paths_.tls_key);
  if (!identity) {
    return log_.error("reload: refused, the certificate from before is used on: {}",
                      identity.error().message);
  }
  tls_->replace(std::move(*identity));
  log_.info("reload: the certificate in {} is used from now on", paths_.tls_certificate);
}

}  // namespace iris::serve
