#include "http/openssl_library.hpp"

#include <dlfcn.h>

namespace iris::http {
namespace {

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

}  // namespace

Result<OpensslLibrary> OpensslLibrary::load() {
  void* library = ::dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return environment_error(
        "TLS needs libssl.so.3, which cannot be loaded ({}); install it with 'apt-get install "
        "libssl3', or leave TLS to a proxy in front",
        ::dlerror());
  }
  OpensslLibrary ssl;
  const bool complete =
      find(library, "TLS_server_method", ssl.server_method) &&
      find(library, "SSL_CTX_new", ssl.context_new) &&
      find(library, "SSL_CTX_free", ssl.context_free) &&
      find(library, "SSL_CTX_ctrl", ssl.context_ctrl) &&
      find(library, "SSL_CTX_set_options", ssl.context_set_options) &&
      find(library, "SSL_CTX_set_default_passwd_cb", ssl.context_set_password) &&
      find(library, "SSL_CTX_use_certificate_chain_file", ssl.context_use_certificate) &&
      find(library, "SSL_CTX_use_PrivateKey_file", ssl.context_use_key) &&
      find(library, "SSL_CTX_check_private_key", ssl.context_check_key) &&
      find(library, "SSL_new", ssl.session_new) && find(library, "SSL_free", ssl.session_free) &&
      find(library, "SSL_set_fd", ssl.session_set_fd) &&
      find(library, "SSL_set_accept_state", ssl.session_accepts) &&
      find(library, "SSL_do_handshake", ssl.handshake) && find(library, "SSL_read", ssl.read) &&
      find(library, "SSL_write", ssl.write) && find(library, "SSL_has_pending", ssl.has_pending) &&
      find(library, "SSL_shutdown", ssl.shutdown) &&
      find(library, "SSL_get_error", ssl.get_error) &&
      find(library, "ERR_clear_error", ssl.clear_errors) &&
      find(library, "ERR_peek_last_error", ssl.last_error) &&
      find(library, "ERR_reason_error_string", ssl.reason);
  if (!complete) return environment_error("libssl.so.3 is not usable; expected OpenSSL 3");
  return ssl;
}

}  // namespace iris::http
