// Digests as lower-case hexadecimal text (Nettle, which is small enough for every `iris serve` to
// load). MD5 is DVC's content address, not a safeguard.
#pragma once

#include <nettle/md5.h>
#include <nettle/sha2.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"

namespace iris {

// A digest of bytes that come piece by piece.
class Digest {
 public:
  static Digest md5();
  static Digest sha256();

  void update(std::string_view bytes);
  // One of these once, at the end.
  std::string hex();
  std::string base64();

 private:
  using Context = std::variant<md5_ctx, sha256_ctx>;
  explicit Digest(const Context& context) : context_(context) {}

  std::string_view finish();

  Context context_;
  std::array<std::uint8_t, SHA256_DIGEST_SIZE> raw_{};
};

std::string md5_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
// In base 64, as a Content-Security-Policy names a script.
std::string sha256_base64(std::string_view bytes);

// Streams the file; fails when it cannot be read.
Result<std::string> md5_hex_of_file(const std::string& path);

}  // namespace iris
