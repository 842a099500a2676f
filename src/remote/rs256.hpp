// The signature that Google's services ask of a service account: RSASSA-PKCS1-v1_5 with SHA-256
// (RFC 7518 section 3.3).
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace iris::remote {

// `pem` is the private key as a key file has it; messages never hold any of it.
Result<std::string> rs256_signature(std::string_view pem, std::string_view text);

}  // namespace iris::remote
