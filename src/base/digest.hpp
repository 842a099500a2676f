// Digests as lower-case hexadecimal text (OpenSSL). MD5 is DVC's content address, not a safeguard.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct evp_md_ctx_st;  // OpenSSL's
struct evp_md_st;

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
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  explicit Digest(const evp_md_st* kind);

  std::basic_string<unsigned char> finish();

  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string md5_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
// In base 64, as a Content-Security-Policy names a script.
std::string sha256_base64(std::string_view bytes);

// Streams the file; fails when it cannot be read.
Result<std::string> md5_hex_of_file(const std::string& path);

}  // namespace iris
