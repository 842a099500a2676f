// Text forms of bytes that services ask for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace iris::remote {

std::string to_base64(std::string_view bytes);
std::string to_base64_url(std::string_view bytes);  // RFC 4648 section 5, without padding
std::optional<std::string> from_base64(std::string_view text);

std::string hex_of(std::string_view bytes);
std::string bytes_of_hex(std::string_view hex);  // hex has an even number of digits

// RFC 3986: every byte but letters, digits, "-._~" and those of `keep` becomes %XX.
std::string percent_encoded(std::string_view text, std::string_view keep = "");

// What a server said, fit for a message: one line, printable, at most 300 characters.
std::string as_one_line(std::string_view text);

}  // namespace iris::remote
