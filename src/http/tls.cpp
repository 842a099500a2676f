#include "http/tls.hpp"

#include <algorithm>
#include <climits>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "http/channel.hpp"
#include "http/openssl_library.hpp"

namespace iris::http {
namespace {

int bounded(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

// A key with a pass phrase would have OpenSSL ask at the terminal.
int no_password(char*, int, int, void*) {
  return 0;
}

// What OpenSSL says was wrong.
std::string last_error(const OpensslLibrary& openssl) {
  const char* text = openssl.reason(openssl.last_error());
  return text != nullptr ? text : "unknown error";
}

Result<void> load_files(const OpensslLibrary& openssl, ssl_ctx_st* context,
                        const std::string& certificate, const std::string& key) {
  // OpenSSL's own words for a missing or huge file are of little help.
  for (const auto& path : {certificate, key}) {
    if (auto bytes = read_file(path, limits::kConfigBytes); !bytes) {
      return tl::unexpected(bytes.error());
    }
  }
  openssl.clear_errors();
  if (openssl.context_use_certificate(context, certificate.c_str()) != 1) {
    return input_error("{}: expected a certificate in PEM ({})", certificate, last_error(openssl));
  }
  openssl.clear_errors();
  if (openssl.context_use_key(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const auto why = last_error(openssl);
    if (why.find("mismatch") != std::string::npos) {
      return input_error("{}: this is not the key of the certificate in {}", key, certificate);
    }
    return input_error("{}: expected a private key in PEM without a pass phrase ({})", key, why);
  }
  if (openssl.context_check_key(context) != 1) {
    return input_error("{}: this is not the key of the certificate in {}", key, certificate);
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::load(const std::string& certificate_path,
                                                             const std::string& key_path) {
  auto loaded = OpensslLibrary::load();
  if (!loaded) return tl::unexpected(loaded.error());
  const auto openssl = std::make_shared<const OpensslLibrary>(*loaded);
  const auto& library = *openssl;
  auto* context = library.context_new(library.server_method());
  if (context == nullptr) return environment_error("TLS: {}", last_error(library));
  const std::shared_ptr<const TlsIdentity> identity(new TlsIdentity(openssl, context));
  library.context_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, nullptr);
  // Parts of a write are taken as send(2) takes them; idle sessions hold no buffers.
  library.context_ctrl(context, SSL_CTRL_MODE,
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                           SSL_MODE_RELEASE_BUFFERS,
                       nullptr);
  library.context_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  library.context_set_password(context, &no_password);
  if (auto files = load_files(library, context, certificate_path, key_path); !files) {
    return tl::unexpected(files.error());
  }
  return identity;
}

TlsIdentity::TlsIdentity(std::shared_ptr<const OpensslLibrary> openssl, ssl_ctx_st* context)
    : openssl_(std::move(openssl)), context_(context) {}

TlsIdentity::~TlsIdentity() {
  openssl_->context_free(context_);
}

std::unique_ptr<TlsSession> TlsIdentity::accept(const Fd& socket) const {
  ssl_st* session = openssl_->session_new(context_);
  if (session == nullptr) return nullptr;
  auto result = std::make_unique<TlsSession>(openssl_, session);
  if (openssl_->session_set_fd(session, socket.get()) != 1) return nullptr;
  openssl_->session_accepts(session);
  return result;
}

TlsSession::TlsSession(std::shared_ptr<const OpensslLibrary> openssl, ssl_st* session)
    : openssl_(std::move(openssl)), session_(session) {}

TlsSession::~TlsSession() {
  openssl_->session_free(session_);
}

// Fills the room as far as it goes: OpenSSL gives one record at a time, and the loop tells only of
// what comes after.
ssize_t TlsSession::receive(char* room, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    if (ended_) return done > 0 ? static_cast<ssize_t>(done) : Channel::kEnd;
    if (broken_) return done > 0 ? static_cast<ssize_t>(done) : Channel::kBroken;
    openssl_->clear_errors();
    const int count = in_handshake_ ? openssl_->handshake(session_)
                                    : openssl_->read(session_, room + done, bounded(size - done));
    if (count <= 0) {
      const ssize_t failure = failed(count);
      return done > 0 ? static_cast<ssize_t>(done) : failure;
    }
    if (!std::exchange(in_handshake_, false)) done += static_cast<std::size_t>(count);
  }
  return static_cast<ssize_t>(done);
}

ssize_t TlsSession::send(const char* bytes, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    if (broken_ || in_handshake_) return done > 0 ? static_cast<ssize_t>(done) : Channel::kBroken;
    openssl_->clear_errors();
    const int count = openssl_->write(session_, bytes + done, bounded(size - done));
    if (count <= 0 && failed(count) == Channel::kAgain) {
      return done > 0 ? static_cast<ssize_t>(done) : Channel::kAgain;
    }
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return static_cast<ssize_t>(done);
}

void TlsSession::end_sending() {
  if (broken_ || in_handshake_) return;
  openssl_->clear_errors();
  openssl_->shutdown(session_);
}

// What it means that OpenSSL did not do what it was asked.
ssize_t TlsSession::failed(int result) {
  switch (openssl_->get_error(session_, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Channel::kAgain;
    case SSL_ERROR_ZERO_RETURN:
      ended_ = true;
      return Channel::kEnd;
    case SSL_ERROR_SSL:
      // The socket ended without the goodbye of TLS, as many clients end it. Requests say how long
      // they are, so that nobody can pass a part for the whole.
      ended_ = ERR_GET_REASON(openssl_->last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
      break;
    default:
      break;
  }
  broken_ = true;
  return ended_ ? Channel::kEnd : Channel::kBroken;
}

}  // namespace iris::http
