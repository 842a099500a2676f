// TLS 1.2 and newer, by OpenSSL, which is loaded with the first certificate and not when the
// program starts. It writes without MSG_NOSIGNAL: the program must ignore SIGPIPE.
//
//   auto identity = TlsIdentity::load("tls.crt", "tls.key");
//   auto session = (*identity)->accept(socket);
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

struct ssl_st;  // OpenSSL's
struct ssl_ctx_st;

namespace iris::http {

struct OpensslLibrary;

// One client's session over a socket that does not wait; the handshake happens within receive().
// What is returned is said in channel.hpp.
class TlsSession {
 public:
  TlsSession(std::shared_ptr<const OpensslLibrary> openssl, ssl_st* session);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  ssize_t receive(char* room, std::size_t size);
  ssize_t send(const char* bytes, std::size_t size);
  void end_sending();
  bool holds_more() const { return ended_ || broken_; }
  bool in_handshake() const { return in_handshake_; }

 private:
  ssize_t failed(int result);

  const std::shared_ptr<const OpensslLibrary> openssl_;
  ssl_st* const session_;
  bool in_handshake_ = true;
  bool ended_ = false;   // the client sends no more
  bool broken_ = false;  // nothing may be asked of OpenSSL any more
};

// A certificate and its key. Immutable; any thread may accept with it.
class TlsIdentity {
 public:
  // Reads PEM files: the certificate with those that vouch for it behind it, and its key without a
  // pass phrase. Fails with the file and what is wrong with it, or where OpenSSL is not installed.
  static Result<std::shared_ptr<const TlsIdentity>> load(const std::string& certificate_path,
                                                         const std::string& key_path);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  // Null when there is no memory for another. The socket must outlive the session.
  std::unique_ptr<TlsSession> accept(const Fd& socket) const;

 private:
  TlsIdentity(std::shared_ptr<const OpensslLibrary> openssl, ssl_ctx_st* context);

  const std::shared_ptr<const OpensslLibrary> openssl_;
  ssl_ctx_st* const context_;
};

}  // namespace iris::http
