#include "base/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace iris {
namespace {

class Digest {
 public:
  explicit Digest(const EVP_MD* kind) : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), kind, nullptr) != 1) std::abort();
  }

  void update(const void* bytes, std::size_t size) {
    if (EVP_DigestUpdate(context_.get(), bytes, size) != 1) std::abort();
  }

  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), raw.data(), &size) != 1) std::abort();
    std::string text;
    text.reserve(std::size_t{size} * 2);
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", raw[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

std::string hex_of(const EVP_MD* kind, std::string_view bytes) {
  Digest digest(kind);
  digest.update(bytes.data(), bytes.size());
  return digest.hex();
}

}  // namespace

std::string md5_hex(std::string_view bytes) {
  return hex_of(EVP_md5(), bytes);
}

std::string sha256_hex(std::string_view bytes) {
  return hex_of(EVP_sha256(), bytes);
}

Result<std::string> md5_hex_of_file(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!file) return input_error("{}: cannot open: {}", path, std::strerror(errno));
  Digest digest(EVP_md5());
  std::array<char, 64 * 1024> buffer{};
  std::size_t size = 0;
  while ((size = std::fread(buffer.data(), 1, buffer.size(), file.get())) > 0) {
    digest.update(buffer.data(), size);
  }
  if (std::ferror(file.get()) != 0) {
    return input_error("{}: cannot read: {}", path, std::strerror(errno));
  }
  return digest.hex();
}

}  // namespace iris
