#include "base/utf8.hpp"

#include <cstddef>

namespace iris {
namespace {

bool is_continuation(unsigned char byte) {
  return (byte & 0xc0) == 0x80;
}

// The bytes of a character by its first one; 0 where none begins so.
std::size_t bytes_of(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;  // a continuation, or longer than needed
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

// The second byte tells what the first leaves open.
bool is_second(unsigned char first, unsigned char second) {
  if (first == 0xe0) return second >= 0xa0;
  if (first == 0xed) return second < 0xa0;
  if (first == 0xf0) return second >= 0x90;
  return first != 0xf4 || second < 0x90;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const std::size_t size = bytes_of(byte(0));
    if (size == 0 || size > text.size() - at) return false;
    for (std::size_t i = 1; i < size; ++i) {
      if (!is_continuation(byte(i))) return false;
    }
    if (size > 2 && !is_second(byte(0), byte(1))) return false;
    at += size;
  }
  return true;
}

}  // namespace iris
