// Bodies in gzip and deflate, decoded within a bound and, as the oracle, by zlib's own functions
// for whole buffers without one: what the decoder gives is what they give, and never more than the
// bound.
//
// The first byte of the input says which coding; a bare body is packed first, so that good streams
// of every content are met as well.
#define ZLIB_CONST
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/content_decoder.hpp"

namespace {

using iris::http::ContentCoding;
using iris::http::Decoded;

constexpr std::size_t kMost = 4096;

void require(bool holds) {
  if (!holds) std::abort();
}

iris::http::ContentDecoder& decoder() {
  static iris::http::ContentDecoder value(kMost);
  return value;
}

void decode(ContentCoding coding, std::string_view coded) {
  const auto decoded = decoder().decode(coding, coded);
  require(decoder().stopped_at() <= coded.size());
  if (decoded == Decoded::kGood) {
    require(decoder().body().size() <= kMost && decoder().stopped_at() == coded.size());
  }
  decoder().settle();
}

// Whatever zlib's own function makes of a stream of its format, the decoder does, too.
void compare_with_uncompress(std::string_view coded) {
  std::string out(2 * kMost, '\0');
  auto out_size = static_cast<uLongf>(out.size());
  auto coded_size = static_cast<uLong>(coded.size());
  const int code = uncompress2(reinterpret_cast<Bytef*>(out.data()), &out_size,
                               reinterpret_cast<const Bytef*>(coded.data()), &coded_size);
  const auto decoded = decoder().decode(ContentCoding::kDeflate, coded);
  if (code == Z_OK && coded_size == coded.size()) {
    require(decoded == (out_size <= kMost ? Decoded::kGood : Decoded::kTooLarge));
    if (decoded == Decoded::kGood) {
      require(decoder().body() == std::string_view(out).substr(0, out_size));
    }
  }
}

void pack_and_decode(std::string_view text) {
  std::string packed(compressBound(static_cast<uLong>(text.size())), '\0');
  auto size = static_cast<uLongf>(packed.size());
  require(compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                   reinterpret_cast<const Bytef*>(text.data()),
                   static_cast<uLong>(text.size())) == Z_OK);
  packed.resize(size);
  require(decoder().decode(ContentCoding::kDeflate, packed) ==
          (text.size() <= kMost ? Decoded::kGood : Decoded::kTooLarge));
  if (text.size() <= kMost) require(decoder().body() == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 2 * kMost) return 0;
  const std::string_view coded(reinterpret_cast<const char*>(data + 1), size - 1);
  decode(data[0] % 2 == 0 ? ContentCoding::kGzip : ContentCoding::kDeflate, coded);
  compare_with_uncompress(coded);
  pack_and_decode(coded);
  return 0;
}
