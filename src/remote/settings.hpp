// Reading a remote's settings.
#pragma once

#include <string>

#include "remote/http_client.hpp"
#include "remote/remote.hpp"

namespace iris::remote {

// Empty when it is not set.
std::string setting(const RemoteSettings& settings, const std::string& key);
// As Python's configobj and DVC read a switch: true, yes, on, 1 in any case.
bool is_true(const std::string& text);
// DVC's ssl_verify: false, or the file of a certificate authority; empty or true changes nothing.
void set_verification(const std::string& ssl_verify, HttpClientOptions& options);

// The value of an environment variable; nothing when it is not set or empty.
std::optional<std::string> environment_of(const RemoteOptions& options, const char* name);

}  // namespace iris::remote
