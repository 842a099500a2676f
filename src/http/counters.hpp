// What the connections of one thread have seen. One thread writes, any thread may read, nobody
// waits.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

namespace iris::http {

// Not in the build that `./run bench pairs` compares with, to see what counting costs.
#ifdef IRIS_UNCOUNTED
inline constexpr bool kCounted = false;
#else
inline constexpr bool kCounted = true;
#endif

// A number with one writer: a load and a store, without the bus lock of an atomic addition.
class Counter {
 public:
  void add(std::uint64_t by = 1) {
    if constexpr (!kCounted) return;
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t by = 1) { add(std::uint64_t{0} - by); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Why a connection ended.
enum class CloseReason { kClient, kAge, kRequests, kIdle, kDrain, kHandshake, kShed, kError };
inline constexpr std::size_t kCloseReasons = 8;
inline constexpr std::array<std::string_view, kCloseReasons> kCloseReasonNames = {
    "client", "age", "requests", "idle", "drain", "handshake", "shed", "error"};

// Durations in buckets of 1, 2, 4 … µs.
class DurationHistogram {
 public:
  static constexpr std::size_t kBuckets = 24;  // the last but one ends at 4.2 s; the last is open

  void record(Nanoseconds duration, std::uint64_t count = 1) {
    if constexpr (!kCounted) return;
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
    const auto us = (ns + 999) / 1000;
    const auto bucket = us <= 1 ? 0U : static_cast<unsigned>(std::bit_width(us - 1));
    buckets_[std::min<std::size_t>(bucket, kBuckets - 1)].add(count);
    sum_ns_.add(ns * count);
  }
  std::uint64_t bucket(std::size_t index) const { return buckets_[index].value(); }
  std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const auto& bucket : buckets_) sum += bucket.value();
    return sum;
  }
  std::uint64_t sum_ns() const { return sum_ns_.value(); }
  static constexpr double upper_s(std::size_t index) {
    return 1e-6 * static_cast<double>(std::uint64_t{1} << index);
  }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_ns_;
};

struct alignas(64) Counters {
  Counter connections;  // open now
  Counter accepted;
  std::array<Counter, kCloseReasons> closed;
  Counter requests;            // read to their end
  Counter in_flight;           // begun to be read, and the answer not yet with the kernel
  DurationHistogram duration;  // from read to written
  // Connections on which a request arrived after the server had ended them: it got no answer.
  Counter late;
};

}  // namespace iris::http
