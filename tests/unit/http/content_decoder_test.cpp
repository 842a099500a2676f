#include "http/content_decoder.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <string>

namespace iris::http {
namespace {

constexpr std::size_t kMost = 1000;
constexpr int kGzipBits = 31;
constexpr int kZlibBits = 15;
constexpr int kBareBits = -15;

std::string packed(std::string text, int bits, int level = 6) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, 0);
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

ContentCoding coding_of(int bits) {
  return bits == kGzipBits ? ContentCoding::kGzip : ContentCoding::kDeflate;
}

std::string numbers() {
  std::string text;
  for (int i = 0; text.size() + 8 < kMost; ++i) text += std::to_string(i * 7919) + ",";
  return text;
}

TEST(ContentDecoder, GivesWhatWasPacked) {
  ContentDecoder decoder(kMost);
  for (const int bits : {kGzipBits, kZlibBits, kBareBits}) {
    for (const int level : {0, 1, 6, 9}) {
      for (const auto& text :
           {std::string(), std::string("x"), numbers(), std::string(kMost, ' ')}) {
        const auto body = packed(text, bits, level);
        ASSERT_EQ(decoder.decode(coding_of(bits), body), Decoded::kGood) << bits << " " << level;
        EXPECT_EQ(decoder.body(), text);
        EXPECT_EQ(decoder.stopped_at(), body.size());
        decoder.settle();
      }
    }
  }
}

TEST(ContentDecoder, ReadsEveryMemberOfGzip) {
  ContentDecoder decoder(kMost);
  const auto body = packed("a", kGzipBits) + packed("", kGzipBits) + packed("bc", kGzipBits);
  ASSERT_EQ(decoder.decode(ContentCoding::kGzip, body), Decoded::kGood);
  EXPECT_EQ(decoder.body(), "abc");
  const auto twice = packed("a", kZlibBits) + packed("b", kZlibBits);
  EXPECT_EQ(decoder.decode(ContentCoding::kDeflate, twice), Decoded::kDamaged);
}

TEST(ContentDecoder, StopsAtTheBound) {
  ContentDecoder decoder(kMost);
  for (const int bits : {kGzipBits, kZlibBits, kBareBits}) {
    const auto coding = coding_of(bits);
    EXPECT_EQ(decoder.decode(coding, packed(std::string(kMost, 'x'), bits)), Decoded::kGood);
    EXPECT_EQ(decoder.decode(coding, packed(std::string(kMost + 1, 'x'), bits)),
              Decoded::kTooLarge);
    const auto bomb = packed(std::string(10'000'000, 'x'), bits);
    EXPECT_EQ(decoder.decode(coding, bomb), Decoded::kTooLarge);
    EXPECT_LT(decoder.stopped_at(), bomb.size() / 2);
  }
  const auto half = packed(std::string(kMost / 2 + 1, 'x'), kGzipBits);
  EXPECT_EQ(decoder.decode(ContentCoding::kGzip, half + half), Decoded::kTooLarge);
}

TEST(ContentDecoder, SeesThatABodyIsCut) {
  ContentDecoder decoder(kMost);
  for (const int bits : {kGzipBits, kZlibBits, kBareBits}) {
    const auto body = packed(numbers(), bits);
    for (std::size_t size = 0; size < body.size(); ++size) {
      EXPECT_EQ(decoder.decode(coding_of(bits), body.substr(0, size)), Decoded::kTruncated) << size;
    }
  }
}

TEST(ContentDecoder, SeesThatABodyIsDamaged) {
  ContentDecoder decoder(kMost);
  std::string text;  // of few repetitions: zlib's sum is too weak to tell "6,335" from "14,55"
  std::uint32_t drawn = 1;
  while (text.size() < kMost) text += static_cast<char>('a' + ((drawn = drawn * 69069 + 1) >> 28));
  for (const int bits : {kGzipBits, kZlibBits}) {
    const auto body = packed(text, bits);
    for (std::size_t at = 0; at < body.size(); ++at) {
      auto changed = body;
      changed[at] = static_cast<char>(changed[at] ^ 0x10);
      // Some bits mean nothing: the time in a head of gzip, what fills the last byte up.
      const auto decoded = decoder.decode(coding_of(bits), changed);
      EXPECT_TRUE(decoded != Decoded::kGood || decoder.body() == text) << at;
    }
    EXPECT_NE(decoder.decode(coding_of(bits), body + "x"), Decoded::kGood);
    EXPECT_EQ(decoder.decode(coding_of(bits), body + std::string(30, '\0')), Decoded::kDamaged);
    auto without_sum = body;
    without_sum[body.size() - (bits == kGzipBits ? 8 : 4)] ^= 1;
    EXPECT_EQ(decoder.decode(coding_of(bits), without_sum), Decoded::kDamaged);
    EXPECT_EQ(decoder.decode(ContentCoding::kGzip, text), Decoded::kDamaged);
  }
  ASSERT_EQ(decoder.decode(ContentCoding::kGzip, packed(text, kGzipBits)), Decoded::kGood);
  EXPECT_EQ(decoder.body(), text) << "it is used again after all that";
}

// A stream that was packed with a dictionary needs it again.
TEST(ContentDecoder, HasNoDictionary) {
  ContentDecoder decoder(kMost);
  EXPECT_EQ(decoder.decode(ContentCoding::kDeflate, std::string("\x78\xbb\0\0\0\1....", 10)),
            Decoded::kDamaged);
}

}  // namespace
}  // namespace iris::http
