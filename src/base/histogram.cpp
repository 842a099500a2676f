#include "base/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace iris {

// Below kSub every value has its own bucket; above, each octave [2^n, 2^(n+1)) has kSub of them.
unsigned Histogram::bucket_of(std::uint64_t value) {
  if (value < kSub) return static_cast<unsigned>(value);
  const auto exponent = static_cast<unsigned>(std::bit_width(value)) - 1;
  const unsigned shift = exponent - kSubBits;
  return (shift + 1) * kSub + static_cast<unsigned>((value >> shift) - kSub);
}

std::uint64_t Histogram::highest_in(unsigned bucket) {
  if (bucket < kSub) return bucket;
  const unsigned shift = bucket / kSub - 1;
  const std::uint64_t lowest = std::uint64_t{bucket % kSub + kSub} << shift;
  return lowest + (std::uint64_t{1} << shift) - 1;
}

void Histogram::record(std::uint64_t value, std::uint64_t count) {
  if (count == 0) return;
  value = std::min(value, kMax);
  counts_[bucket_of(value)] += count;
  count_ += count;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value) * static_cast<double>(count);
}

void Histogram::merge(const Histogram& other) {
  for (unsigned i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

void Histogram::clear() {
  *this = Histogram{};
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

double Histogram::harmonic_mean() const {
  double inverse_sum = 0;
  for (unsigned i = 0; i < kBuckets; ++i) {
    if (counts_[i] == 0) continue;
    const auto value = std::max<std::uint64_t>(1, std::min(highest_in(i), max_));
    inverse_sum += static_cast<double>(counts_[i]) / static_cast<double>(value);
  }
  return count_ == 0 ? 0 : static_cast<double>(count_) / inverse_sum;
}

std::uint64_t Histogram::quantile(double quantile) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (unsigned i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(highest_in(i), max_);
  }
  return max_;
}

}  // namespace iris
