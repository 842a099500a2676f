// The bytes of a connection that were received and not yet used up, contiguous, with readable
// padding behind them.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "http/request.hpp"

namespace iris::http {

class ReadBuffer {
 public:
  ReadBuffer() { reallocate(kSmallBytes); }

  std::string_view unused() const { return {data_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }

  // Gives up bytes at the front.
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Makes room behind the bytes; they may move.
  void make_room() {
    if (end_ < capacity_) return;
    if (begin_ > 0) {
      std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    } else {
      reallocate(2 * capacity_);
    }
  }
  char* room() { return data_.get() + end_; }
  std::size_t room_bytes() const { return capacity_ - end_; }
  void received(std::size_t count) { end_ += count; }

  // Returns the memory that one large request needed.
  void shrink() {
    if (empty() && capacity_ > kKeptBytes) reallocate(kSmallBytes);
  }

  std::size_t capacity() const { return capacity_; }

 private:
  static constexpr std::size_t kSmallBytes = 4096 - kBodyPadding;
  static constexpr std::size_t kKeptBytes = std::size_t{64} << 10;

  void reallocate(std::size_t capacity) {
    auto bigger = std::make_unique_for_overwrite<char[]>(capacity + kBodyPadding);
    if (end_ > begin_) std::memcpy(bigger.get(), data_.get() + begin_, end_ - begin_);
    // Parsers may load the padding, if only to ignore it; let it have a value.
    std::memset(bigger.get() + capacity, 0, kBodyPadding);
    end_ -= begin_;
    begin_ = 0;
    data_ = std::move(bigger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace iris::http
