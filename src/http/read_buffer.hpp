// The bytes of a connection that were received and not yet used up, contiguous, with readable
// padding behind them. A connection borrows its buffer while it has such bytes: most requests come
// whole, so that one buffer, warm in the cache, serves all connections of a thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "http/request.hpp"

namespace iris::http {

class ReadBuffer {
 public:
  static constexpr std::size_t kSmallBytes = 4096 - kBodyPadding;

  // Without memory until reserve().
  ReadBuffer() = default;
  ReadBuffer(ReadBuffer&& other) noexcept { *this = std::move(other); }
  ReadBuffer& operator=(ReadBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    capacity_ = std::exchange(other.capacity_, 0);
    begin_ = std::exchange(other.begin_, 0);
    end_ = std::exchange(other.end_, 0);
    return *this;
  }

  std::string_view unused() const { return {data_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }

  // Gives up bytes at the front.
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  char* room() { return data_.get() + end_; }
  std::size_t room_bytes() const { return capacity_ - end_; }
  void received(std::size_t count) { end_ += count; }

  // Moves the bytes to the front, if that makes room.
  void compact() {
    if (begin_ == 0) return;
    std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }

  // Moves the bytes to memory of that size, which must hold them.
  void reserve(std::size_t capacity) {
    auto memory = std::make_unique_for_overwrite<char[]>(capacity + kBodyPadding);
    if (end_ > begin_) std::memcpy(memory.get(), data_.get() + begin_, end_ - begin_);
    // Parsers may load the padding, if only to ignore it; let it have a value.
    std::memset(memory.get() + capacity, 0, kBodyPadding);
    end_ -= begin_;
    begin_ = 0;
    data_ = std::move(memory);
    capacity_ = capacity;
  }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Where the connections of a thread borrow from.
class ReadBufferPool {
 public:
  // So many are kept for who comes next.
  static constexpr std::size_t kSpares = 16;

  // An empty buffer with memory.
  ReadBuffer take() {
    if (!spare_.empty()) return taken_from(spare_);
    ReadBuffer fresh;
    fresh.reserve(kSpareBytes);
    return fresh;
  }

  // Doubles its memory. Clients that send large bodies send more of them: the memory is kept ready,
  // as the system would take its pages back and give them out anew for each.
  void grow(ReadBuffer& buffer) {
    grew_ = true;
    const std::size_t wanted = 2 * buffer.capacity();
    if (large_.empty() || wanted > kLargeBytes) return buffer.reserve(wanted);
    ReadBuffer larger = taken_from(large_);
    const auto bytes = buffer.unused();
    std::memcpy(larger.room(), bytes.data(), bytes.size());
    larger.received(bytes.size());
    std::swap(buffer, larger);
    give(std::move(larger));
  }

  // Whether a buffer grew since this was asked last.
  bool grew() { return std::exchange(grew_, false); }

  // Gives up what is kept for large bodies, and of the rest all but one.
  void release_memory() {
    large_.clear();
    while (spare_.size() > 1) spare_.pop_back();
  }

  // Takes it back, its bytes forgotten.
  void give(ReadBuffer buffer) {
    buffer.consume(buffer.unused().size());
    if (buffer.capacity() == kSpareBytes && spare_.size() < kSpares) {
      spare_.push_back(std::move(buffer));
    } else if (buffer.capacity() > kSpareBytes && large_.empty()) {
      if (buffer.capacity() < kLargeBytes) buffer.reserve(kLargeBytes);
      if (buffer.capacity() == kLargeBytes) large_.push_back(std::move(buffer));
    }
  }

 private:
  static ReadBuffer taken_from(std::vector<ReadBuffer>& buffers) {
    ReadBuffer buffer = std::move(buffers.back());
    buffers.pop_back();
    return buffer;
  }

  // Most requests with many rows fit, too.
  static constexpr std::size_t kSpareBytes = (std::size_t{64} << 10) - kBodyPadding;
  static constexpr std::size_t kLargeBytes = (std::size_t{1} << 20) - kBodyPadding;

  std::vector<ReadBuffer> spare_;
  std::vector<ReadBuffer> large_;  // one at most
  bool grew_ = false;
};

}  // namespace iris::http
