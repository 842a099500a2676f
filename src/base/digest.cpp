#include "base/digest.hpp"

#include <nettle/base64.h>

#include <array>
#include <cstdint>

#include "base/file.hpp"

namespace iris {

Digest Digest::md5() {
  md5_ctx context;
  md5_init(&context);
  return Digest(context);
}

Digest Digest::sha256() {
  sha256_ctx context;
  sha256_init(&context);
  return Digest(context);
}

void Digest::update(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (auto* md5 = std::get_if<md5_ctx>(&context_)) {
    md5_update(md5, bytes.size(), data);
  } else {
    sha256_update(&std::get<sha256_ctx>(context_), bytes.size(), data);
  }
}

std::string_view Digest::finish() {
  std::size_t size = SHA256_DIGEST_SIZE;
  if (auto* md5 = std::get_if<md5_ctx>(&context_)) {
    size = MD5_DIGEST_SIZE;
    md5_digest(md5, size, raw_.data());
  } else {
    sha256_digest(&std::get<sha256_ctx>(context_), size, raw_.data());
  }
  return {reinterpret_cast<const char*>(raw_.data()), size};
}

std::string Digest::hex() {
  std::string text;
  for (const char byte : finish()) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string Digest::base64() {
  const auto raw = finish();
  std::string text(BASE64_ENCODE_RAW_LENGTH(raw.size()), '\0');
  base64_encode_raw(text.data(), raw.size(), reinterpret_cast<const std::uint8_t*>(raw.data()));
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
  auto digest = Digest::md5();
  const auto read = read_chunks(path, [&](std::string_view chunk) { digest.update(chunk); });
  if (!read) return tl::unexpected(read.error());
  return digest.hex();
}

}  // namespace iris
