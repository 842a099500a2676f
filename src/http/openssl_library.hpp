// libssl, loaded when a certificate is, and not when the program starts: without TLS it costs
// neither start-up time nor a place in the image. Its error functions are taken from the libcrypto
// that it brings along, which need not be the one that this program is linked with.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/result.hpp"

namespace iris::http {

struct OpensslLibrary {
  decltype(&::TLS_server_method) server_method = nullptr;
  decltype(&::SSL_CTX_new) context_new = nullptr;
  decltype(&::SSL_CTX_free) context_free = nullptr;
  decltype(&::SSL_CTX_ctrl) context_ctrl = nullptr;
  decltype(&::SSL_CTX_set_options) context_set_options = nullptr;
  decltype(&::SSL_CTX_set_default_passwd_cb) context_set_password = nullptr;
  decltype(&::SSL_CTX_use_certificate_chain_file) context_use_certificate = nullptr;
  decltype(&::SSL_CTX_use_PrivateKey_file) context_use_key = nullptr;
  decltype(&::SSL_CTX_check_private_key) context_check_key = nullptr;
  decltype(&::SSL_new) session_new = nullptr;
  decltype(&::SSL_free) session_free = nullptr;
  decltype(&::SSL_set_fd) session_set_fd = nullptr;
  decltype(&::SSL_set_accept_state) session_accepts = nullptr;
  decltype(&::SSL_do_handshake) handshake = nullptr;
  decltype(&::SSL_read) read = nullptr;
  decltype(&::SSL_write) write = nullptr;
  decltype(&::SSL_has_pending) has_pending = nullptr;
  decltype(&::SSL_shutdown) shutdown = nullptr;
  decltype(&::SSL_get_error) get_error = nullptr;
  decltype(&::ERR_clear_error) clear_errors = nullptr;
  decltype(&::ERR_peek_last_error) last_error = nullptr;
  decltype(&::ERR_reason_error_string) reason = nullptr;

  // Fails, as the environment's fault, where libssl.so.3 is not installed. It stays loaded.
  static Result<OpensslLibrary> load();
};

}  // namespace iris::http
