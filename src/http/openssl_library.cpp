#include "http/openssl_library.hpp"

#include "base/shared_library.hpp"

namespace iris::http {

Result<OpensslLibrary> OpensslLibrary::load() {
  const auto library = SharedLibrary::load("libssl.so.3");
  if (!library) {
    return environment_error(
        "TLS needs libssl.so.3, which cannot be loaded ({}); install it with 'apt-get install "
        "libssl3', or leave TLS to a proxy in front",
        library.error().message);
  }
  OpensslLibrary ssl;
  const bool complete =
      library->find("TLS_server_method", ssl.server_method) &&
      library->find("SSL_CTX_new", ssl.context_new) &&
      library->find("SSL_CTX_free", ssl.context_free) &&
      library->find("SSL_CTX_ctrl", ssl.context_ctrl) &&
      library->find("SSL_CTX_set_options", ssl.context_set_options) &&
      library->find("SSL_CTX_set_default_passwd_cb", ssl.context_set_password) &&
      library->find("SSL_CTX_use_certificate_chain_file", ssl.context_use_certificate) &&
      library->find("SSL_CTX_use_PrivateKey_file", ssl.context_use_key) &&
      library->find("SSL_CTX_check_private_key", ssl.context_check_key) &&
      library->find("SSL_new", ssl.session_new) && library->find("SSL_free", ssl.session_free) &&
      library->find("SSL_set_fd", ssl.session_set_fd) &&
      library->find("SSL_set_accept_state", ssl.session_accepts) &&
      library->find("SSL_do_handshake", ssl.handshake) && library->find("SSL_read", ssl.read) &&
      library->find("SSL_write", ssl.write) && library->find("SSL_has_pending", ssl.has_pending) &&
      library->find("SSL_shutdown", ssl.shutdown) &&
      library->find("SSL_get_error", ssl.get_error) &&
      library->find("ERR_clear_error", ssl.clear_errors) &&
      library->find("ERR_peek_last_error", ssl.last_error) &&
      library->find("ERR_reason_error_string", ssl.reason);
  if (!complete) return environment_error("libssl.so.3 is not usable; expected OpenSSL 3");
  return ssl;
}

}  // namespace iris::http
