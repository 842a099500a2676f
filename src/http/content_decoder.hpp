// Bodies in a content coding (RFC 9110, section 8.4.1), decoded by zlib: gzip, and deflate both as
// the standard has it (within zlib's format) and as some clients send it (bare). What a body may
// become is bounded, and nothing is decoded beyond that.
//
//   ContentDecoder decoder(max_bytes);                       // one for each thread
//   if (decoder.decode(coding, coded) == Decoded::kGood) use(decoder.body());
//   decoder.settle();
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "http/request.hpp"

struct z_stream_s;

namespace iris::http {

enum class Decoded {
  kGood,
  kTooLarge,   // it becomes more than max_bytes
  kDamaged,    // from stopped_at() on it is not in that coding
  kTruncated,  // it ends within the coding
  kNoMemory,   // the process may not have the memory that decoding takes
};

class ContentDecoder {
 public:
  // Takes no memory before the first body.
  explicit ContentDecoder(std::size_t max_bytes);
  ~ContentDecoder();
  ContentDecoder(const ContentDecoder&) = delete;
  ContentDecoder& operator=(const ContentDecoder&) = delete;

  // `coding` is kGzip or kDeflate.
  Decoded decode(ContentCoding coding, std::string_view coded);

  // After kGood, until settle(); kBodyPadding bytes behind it are readable.
  std::string_view body() const { return {room_.get(), size_}; }
  // How many of the coded bytes were read.
  std::size_t stopped_at() const { return stopped_at_; }

  // Gives the memory of a large body back; that of small ones is kept for the next.
  void settle();

 private:
  struct EndStream {
    void operator()(z_stream_s* stream) const;
  };
  struct Unmap {
    std::size_t bytes;
    void operator()(char* room) const;
  };

  bool begin(ContentCoding coding, std::string_view coded);
  Decoded inflate_all(ContentCoding coding);

  const std::size_t room_bytes_;  // one more than a body may have, to see that there is more
  std::unique_ptr<z_stream_s, EndStream> stream_;
  // Addresses for the largest body; the system gives memory to those that are written to.
  std::unique_ptr<char[], Unmap> room_;
  std::size_t size_ = 0;
  std::size_t stopped_at_ = 0;
};

}  // namespace iris::http
