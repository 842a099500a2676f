#include "remote/rs256.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "base/shared_library.hpp"

namespace iris::remote {
namespace {

// libcrypto, which only who signs needs: it is three times the size of what serves a model.
struct CryptoLibrary {
  decltype(&::BIO_new_mem_buf) bio_new = nullptr;
  decltype(&::BIO_free_all) bio_free = nullptr;
  decltype(&::PEM_read_bio_PrivateKey) read_key = nullptr;
  decltype(&::EVP_PKEY_get_base_id) key_kind = nullptr;
  decltype(&::EVP_PKEY_free) key_free = nullptr;
  decltype(&::EVP_MD_CTX_new) context_new = nullptr;
  decltype(&::EVP_MD_CTX_free) context_free = nullptr;
  decltype(&::EVP_sha256) sha256 = nullptr;
  decltype(&::EVP_DigestSignInit) sign_init = nullptr;
  decltype(&::EVP_DigestSign) sign = nullptr;

  static Result<CryptoLibrary> load() {
    const auto library = SharedLibrary::load("libcrypto.so.3");
    if (!library) {
      return environment_error(
          "signing in with a service account's key needs libcrypto.so.3, which cannot be loaded "
          "({}); install it with 'apt-get install libssl3'",
          library.error().message);
    }
    CryptoLibrary crypto;
    const bool complete = library->find("BIO_new_mem_buf", crypto.bio_new) &&
                          library->find("BIO_free_all", crypto.bio_free) &&
                          library->find("PEM_read_bio_PrivateKey", crypto.read_key) &&
                          library->find("EVP_PKEY_get_base_id", crypto.key_kind) &&
                          library->find("EVP_PKEY_free", crypto.key_free) &&
                          library->find("EVP_MD_CTX_new", crypto.context_new) &&
                          library->find("EVP_MD_CTX_free", crypto.context_free) &&
                          library->find("EVP_sha256", crypto.sha256) &&
                          library->find("EVP_DigestSignInit", crypto.sign_init) &&
                          library->find("EVP_DigestSign", crypto.sign);
    if (!complete) return environment_error("libcrypto.so.3 is not usable; expected OpenSSL 3");
    return crypto;
  }
};

}  // namespace

Result<std::string> rs256_signature(std::string_view pem, std::string_view text) {
  const auto crypto = CryptoLibrary::load();
  if (!crypto) return tl::unexpected(crypto.error());
  const std::unique_ptr<BIO, decltype(crypto->bio_free)> source(
      crypto->bio_new(pem.data(), static_cast<int>(pem.size())), crypto->bio_free);
  // Without a callback OpenSSL would ask the terminal for a passphrase.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  const std::unique_ptr<EVP_PKEY, decltype(crypto->key_free)> key(
      crypto->read_key(source.get(), nullptr, no_passphrase, nullptr), crypto->key_free);
  if (!key || crypto->key_kind(key.get()) != EVP_PKEY_RSA) {
    return environment_error("found no RSA private key in PEM form without a passphrase");
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(crypto->context_free)> context(crypto->context_new(),
                                                                            crypto->context_free);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  std::string signature;
  const bool signed_well =
      context &&
      crypto->sign_init(context.get(), nullptr, crypto->sha256(), nullptr, key.get()) == 1 &&
      crypto->sign(context.get(), nullptr, &size, bytes, text.size()) == 1 &&
      (signature.resize(size),
       crypto->sign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                    text.size()) == 1);
  if (!signed_well) return environment_error("the private key cannot sign");
  signature.resize(size);
  return signature;
}

}  // namespace iris::remote
