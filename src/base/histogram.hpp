// A high dynamic range histogram of latencies: fixed relative error, mergeable, no allocation when
// recording. The bucket scheme is that of Gil Tene's HdrHistogram with 2^7 sub-buckets an octave,
// so a value is known to within 1/128 (0.8 %).
#pragma once

#include <array>
#include <cstdint>

namespace iris {

class Histogram {
 public:
  // Values are in any unit the owner chooses (microseconds, by this project's habit). Values above
  // kMax are counted as kMax, so that none is lost.
  static constexpr std::uint64_t kMax = (std::uint64_t{1} << 36) - 1;

  void record(std::uint64_t value, std::uint64_t count = 1);
  void merge(const Histogram& other);
  void clear();

  std::uint64_t count() const { return count_; }
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  double mean() const;
  // Of the values, each taken as its bucket's highest and at least 1; 0 when empty. Walks the
  // buckets.
  double harmonic_mean() const;

  // The smallest recorded value v (as its bucket's highest equivalent, at most max()) such that at
  // least `quantile` (0 to 1) of all values are ≤ v; 0 when empty.
  std::uint64_t quantile(double quantile) const;

 private:
  static constexpr unsigned kSubBits = 7;
  static constexpr unsigned kSub = 1U << kSubBits;
  static constexpr unsigned kOctaves = 36 - kSubBits;
  static constexpr unsigned kBuckets = kSub * (kOctaves + 1);

  static unsigned bucket_of(std::uint64_t value);
  static std::uint64_t highest_in(unsigned bucket);

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t min_ = kMax;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace iris
