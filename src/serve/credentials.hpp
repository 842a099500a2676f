// The secrets of a service, read from files at the start and again when these change: the tokens of
// both ports, and the certificate with its key. What cannot be read again stays as it was.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "http/server.hpp"
#include "serve/access.hpp"

namespace iris::serve {

// Empty: none.
struct CredentialPaths {
  std::string token{};
  std::string admin_token{};
  std::string tls_certificate{};
  std::string tls_key{};
};

class Credentials {
 public:
  static Result<std::unique_ptr<Credentials>> load(const CredentialPaths& paths, Log& log);
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // Null where there is none. They live as long as this.
  const AccessTokens* token() const { return token_ ? &*token_ : nullptr; }
  const AccessTokens* admin_token() const { return admin_token_ ? &*admin_token_ : nullptr; }
  const http::TlsIdentities* tls() const { return tls_ ? &*tls_ : nullptr; }

  // The files that it was read from, as they were before.
  struct File {
    std::string path;
    FileStamp stamp;
  };
  const std::vector<File>& files() const { return files_; }

  // Takes over what has changed. One thread at a time.
  void reload();

 private:
  Credentials(const CredentialPaths& paths, Log& log);

  void reload_token(const std::string& path, std::optional<AccessTokens>& tokens);
  void reload_tls();

  const CredentialPaths paths_;
  std::vector<File> files_;
  Log& log_;
  std::optional<AccessTokens> token_;
  std::optional<AccessTokens> admin_token_;
  std::optional<http::TlsIdentities> tls_;
  std::string tls_digest_;  // of the files that were tried last
};

}  // namespace iris::serve
