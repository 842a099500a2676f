#include "base/visible.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace iris {
namespace {

// The length of the UTF-8 sequence that begins `text` and its code point; nothing when it is none
// (an overlong form, half a surrogate pair and what is beyond Unicode included).
struct Character {
  std::size_t bytes = 0;
  char32_t point = 0;
};

std::optional<Character> first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return Character{1, lead};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return std::nullopt;
  char32_t point = lead & (0x7Fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) return std::nullopt;
    point = point << 6u | (byte(i) & 0x3Fu);
  }
  const bool overlong = (bytes == 3 && point < 0x800) || (bytes == 4 && point < 0x10000);
  if (overlong || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return std::nullopt;
  return Character{bytes, point};
}

// The joiners U+200C and U+200D stay: scripts and emoji are written with them.
bool steers(char32_t point) {
  struct Range {
    char32_t first;
    char32_t last;
  };
  static constexpr Range kRanges[] = {
      {0x00, 0x1F},     {0x7F, 0x9F},     {0x061C, 0x061C}, {0x200B, 0x200B}, {0x200E, 0x200F},
      {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
  return std::any_of(std::begin(kRanges), std::end(kRanges), [&](const Range& range) {
    return point >= range.first && point <= range.last;
  });
}

void append_escape(char32_t point, std::string& out) {
  switch (point) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto unit = [&](std::uint32_t value) { out += fmt::format("\\u{:04x}", value); };
  if (point < 0x10000) return unit(point);
  unit(0xD800 + ((point - 0x10000) >> 10u));
  unit(0xDC00 + ((point - 0x10000) & 0x3FFu));
}

std::string escaped(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto character = first_character(text);
    if (!character) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    const char32_t point = character->point;
    if (steers(point) && !(keep_lines && (point == '\n' || point == '\t'))) {
      append_escape(point, out);
    } else {
      out += text.substr(0, character->bytes);
    }
    text.remove_prefix(character->bytes);
  }
  return out;
}

}  // namespace

std::string visible(std::string_view text) {
  return escaped(text, false);
}

std::string visible_lines(std::string_view text) {
  return escaped(text, true);
}

}  // namespace iris
