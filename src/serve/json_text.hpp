// Small tools for JSON text: writing strings, and saying where text stops being JSON.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/response.hpp"

namespace iris::serve {

// Appends `text`, which is UTF-8, as a JSON string with its quotes.
void append_json_string(http::Buffer& out, std::string_view text);

// The same as text of its own.
std::string json_string(std::string_view text);

// The fewest digits that read back the same.
template <class Number>
void append_number(http::Buffer& out, Number number) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

// `text` within quotes and cut to some 40 bytes at a character's border, to be quoted in a message.
std::string in_quotes(std::string_view text);

// Whether `text` is a number by the grammar of JSON (RFC 8259, section 6).
bool is_json_number(std::string_view text);

// The offset of the first byte at which `text` is no longer JSON; none when it is JSON. Slow and
// independent of the parser that serves: it explains refusals, and tests compare the two.
std::optional<std::size_t> find_json_error(std::string_view text);

}  // namespace iris::serve
