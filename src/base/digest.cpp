#include "base/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace iris {

void Digest::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Digest::Digest(const evp_md_st* kind) : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), kind, nullptr) != 1) std::abort();
}

Digest Digest::md5() {
  return Digest(EVP_md5());
}

Digest Digest::sha256() {
  return Digest(EVP_sha256());
}

void Digest::update(std::string_view bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) std::abort();
}

std::basic_string<unsigned char> Digest::finish() {
  std::basic_string<unsigned char> raw(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (EVP_DigestFinal_ex(context_.get(), raw.data(), &size) != 1) std::abort();
  raw.resize(size);
  return raw;
}

std::string Digest::hex() {
  std::string text;
  for (const auto byte : finish()) text += fmt::format("{:02x}", byte);
  return text;
}

std::string Digest::base64() {
  const auto raw = finish();
  std::string text((raw.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a zero
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), raw.data(),
                                   static_cast<int>(raw.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string md5_hex(std::string_view bytes) {
  auto digest = Digest::md5();
  digest.update(bytes);
  return digest.hex();
}

std::string sha256_hex(std::string_view bytes) {
  auto digest = Digest::sha256();
  digest.update(bytes);
  return digest.hex();
}

std::string sha256_base64(std::string_view bytes) {
  auto digest = Digest::sha256();
  digest.update(bytes);
  return digest.base64();
}

Result<std::string> md5_hex_of_file(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!file) return input_error("{}: cannot open: {}", path, std::strerror(errno));
  auto digest = Digest::md5();
  std::array<char, 64 * 1024> buffer{};
  std::size_t size = 0;
  while ((size = std::fread(buffer.data(), 1, buffer.size(), file.get())) > 0) {
    digest.update({buffer.data(), size});
  }
  if (std::ferror(file.get()) != 0) {
    return input_error("{}: cannot read: {}", path, std::strerror(errno));
  }
  return digest.hex();
}

}  // namespace iris
