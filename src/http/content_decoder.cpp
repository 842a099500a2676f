#include "http/content_decoder.hpp"

#include <sys/mman.h>

#define ZLIB_CONST  // what is read is const
#include <zlib.h>

namespace iris::http {
namespace {

// What larger bodies took is given back after their request; a multiple of every size of pages.
constexpr std::size_t kKeptBytes = std::size_t{256} << 10;

// zlib's names for the three formats (inflateInit2): the largest window, and what is around it.
constexpr int kZlib = MAX_WBITS;
constexpr int kGzip = MAX_WBITS + 16;
constexpr int kBare = -MAX_WBITS;

// A head of zlib's format (RFC 1950, section 2.2). A bare stream does not begin like one: its first
// block would be a stored one whose padding is not zero.
bool has_zlib_head(std::string_view coded) {
  if (coded.size() < 2) return false;
  const auto method = static_cast<unsigned char>(coded[0]);
  const auto flags = static_cast<unsigned char>(coded[1]);
  return (method & 0x0f) == Z_DEFLATED && method >> 4 <= 7 && (method * 256 + flags) % 31 == 0;
}

int window_bits(ContentCoding coding, std::string_view coded) {
  if (coding == ContentCoding::kGzip) return kGzip;
  return has_zlib_head(coded) ? kZlib : kBare;
}

}  // namespace

void ContentDecoder::EndStream::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

void ContentDecoder::Unmap::operator()(char* room) const {
  munmap(room, bytes);
}

ContentDecoder::ContentDecoder(std::size_t max_bytes)
    : room_bytes_(max_bytes + 1), room_(nullptr, Unmap{room_bytes_ + kBodyPadding}) {}
ContentDecoder::~ContentDecoder() = default;

Decoded ContentDecoder::decode(ContentCoding coding, std::string_view coded) {
  if (!begin(coding, coded)) return Decoded::kNoMemory;
  const Decoded decoded = inflate_all(coding);
  stopped_at_ = coded.size() - stream_->avail_in;
  return decoded;
}

// Returns whether there is memory for it.
bool ContentDecoder::begin(ContentCoding coding, std::string_view coded) {
  size_ = 0;
  if (!room_) {
    void* const room = mmap(nullptr, room_.get_deleter().bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return false;
    room_.reset(static_cast<char*>(room));
  }
  const int bits = window_bits(coding, coded);
  if (!stream_) {
    auto fresh = std::make_unique<z_stream>();
    if (inflateInit2(fresh.get(), bits) != Z_OK) return false;
    stream_.reset(fresh.release());
  } else if (inflateReset2(stream_.get(), bits) != Z_OK) {
    return false;
  }
  stream_->next_in = reinterpret_cast<const Bytef*>(coded.data());
  stream_->avail_in = static_cast<uInt>(coded.size());
  return true;
}

Decoded ContentDecoder::inflate_all(ContentCoding coding) {
  for (;;) {
    stream_->next_out = reinterpret_cast<Bytef*>(room_.get() + size_);
    stream_->avail_out = static_cast<uInt>(room_bytes_ - size_);
    const int code = inflate(stream_.get(), Z_NO_FLUSH);
    size_ = room_bytes_ - stream_->avail_out;
    if (code == Z_MEM_ERROR) return Decoded::kNoMemory;
    if (size_ == room_bytes_) return Decoded::kTooLarge;
    if (code == Z_OK || code == Z_BUF_ERROR) return Decoded::kTruncated;
    if (code != Z_STREAM_END) return Decoded::kDamaged;
    if (stream_->avail_in == 0) return Decoded::kGood;
    // What gzip makes may have several members (RFC 1952, section 2.2).
    if (coding != ContentCoding::kGzip || inflateReset(stream_.get()) != Z_OK) {
      return Decoded::kDamaged;
    }
  }
}

void ContentDecoder::settle() {
  if (size_ <= kKeptBytes) return;
  madvise(room_.get() + kKeptBytes, room_.get_deleter().bytes - kKeptBytes, MADV_DONTNEED);
}

}  // namespace iris::http
