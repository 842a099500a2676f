// Digests as lower-case hexadecimal text (OpenSSL). MD5 is DVC's content address, not a safeguard.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace iris {

std::string md5_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

// Streams the file; fails when it cannot be read.
Result<std::string> md5_hex_of_file(const std::string& path);

}  // namespace iris
