#include "dataset/split.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <utility>

#include "base/limits.hpp"

namespace iris::dataset {
namespace {

// What scikit-learn uses of numpy.random.RandomState.
class RandomState {
 public:
  // The standard's seeding of mt19937 is the init_genrand that numpy uses.
  explicit RandomState(std::uint32_t seed) : engine_(seed) {}

  void shuffle(std::vector<std::size_t>& values) {
    for (std::size_t i = values.size(); i-- > 1;) std::swap(values[i], values[up_to(i)]);
  }

  std::vector<std::size_t> permutation(std::size_t count) {
    std::vector<std::size_t> values(count);
    std::iota(values.begin(), values.end(), std::size_t{0});
    shuffle(values);
    return values;
  }

 private:
  // Uniform in [0, max]; max fits 32 bits because kTableRows does.
  std::size_t up_to(std::size_t max) {
    static_assert(limits::kTableRows <= 0xffff'ffff);
    const auto mask = static_cast<std::uint32_t>(std::bit_ceil(max + 1) - 1);
    std::uint32_t value = 0;
    do {
      value = static_cast<std::uint32_t>(engine_()) & mask;
    } while (value > max);
    return value;
  }

  std::mt19937 engine_;
};

struct Sizes {
  std::size_t train = 0;
  std::size_t test = 0;
};

Result<Sizes> sizes_of(std::size_t rows, double test_fraction) {
  if (!(test_fraction > 0 && test_fraction < 1)) {
    return input_error("test size: found {}, expected a number between 0 and 1", test_fraction);
  }
  if (rows > limits::kTableRows) {
    return input_error("split: found {} rows, expected at most {}", rows, limits::kTableRows);
  }
  const auto test = static_cast<std::size_t>(std::ceil(test_fraction * static_cast<double>(rows)));
  if (rows == 0 || test >= rows) {
    return input_error(
        "split: found {} row{} and test size {}, which leaves none to train on; "
        "expected more rows or a smaller test size",
        rows, rows == 1 ? "" : "s", test_fraction);
  }
  return Sizes{rows - test, test};
}

// How many of `draws` rows to take from each class: shares rounded down, then one more for the
// classes with the largest remainders, ties broken by chance (sklearn/utils/extmath.py:
// _approximate_mode, arithmetic and draws in its order).
std::vector<std::size_t> approximate_mode(const std::vector<std::size_t>& class_counts,
                                          std::size_t draws, RandomState& random) {
  const auto total = static_cast<double>(
      std::accumulate(class_counts.begin(), class_counts.end(), std::size_t{0}));
  std::vector<std::size_t> taken;
  std::vector<double> remainders;
  for (const std::size_t count : class_counts) {
    const double share = static_cast<double>(count) / total * static_cast<double>(draws);
    taken.push_back(static_cast<std::size_t>(std::floor(share)));
    remainders.push_back(share - std::floor(share));
  }
  std::size_t missing = draws - std::accumulate(taken.begin(), taken.end(), std::size_t{0});
  auto values = remainders;
  std::sort(values.begin(), values.end(), std::greater<>());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  for (const double value : values) {
    if (missing == 0) break;
    std::vector<std::size_t> tied;
    for (std::size_t i = 0; i < remainders.size(); ++i) {
      if (remainders[i] == value) tied.push_back(i);
    }
    random.shuffle(tied);
    tied.resize(std::min(tied.size(), missing));
    for (const std::size_t i : tied) ++taken[i];
    missing -= tied.size();
  }
  return taken;
}

}  // namespace

Result<Split> train_test_split(std::size_t rows, double test_fraction, std::uint32_t seed) {
  const auto sizes = sizes_of(rows, test_fraction);
  if (!sizes) return tl::unexpected(sizes.error());
  RandomState random(seed);
  const auto order = random.permutation(rows);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(sizes->test);
  return Split{.train = {middle, order.end()}, .test = {order.begin(), middle}};
}

Result<Split> stratified_split(const std::vector<std::uint32_t>& labels, double test_fraction,
                               std::uint32_t seed) {
  const auto sizes = sizes_of(labels.size(), test_fraction);
  if (!sizes) return tl::unexpected(sizes.error());

  const std::size_t classes = std::size_t{*std::max_element(labels.begin(), labels.end())} + 1;
  if (classes > limits::kClasses) {
    return input_error("split: found {} classes, expected at most {}", classes, limits::kClasses);
  }
  std::vector<std::vector<std::size_t>> rows_of_class(classes);
  for (std::size_t row = 0; row < labels.size(); ++row) rows_of_class[labels[row]].push_back(row);
  std::vector<std::size_t> counts;
  for (const auto& rows : rows_of_class) {
    if (rows.size() < 2) {
      return input_error("split: found {} row{} of class {}, expected at least 2 to stratify",
                         rows.size(), rows.size() == 1 ? "" : "s", counts.size());
    }
    counts.push_back(rows.size());
  }
  if (sizes->train < classes || sizes->test < classes) {
    return input_error(
        "split: found {} train and {} test rows, expected at least {} of each, one "
        "per class",
        sizes->train, sizes->test, classes);
  }

  RandomState random(seed);
  const auto train_counts = approximate_mode(counts, sizes->train, random);
  auto left = counts;
  for (std::size_t i = 0; i < classes; ++i) left[i] -= train_counts[i];
  const auto test_counts = approximate_mode(left, sizes->test, random);

  Split split;
  for (std::size_t i = 0; i < classes; ++i) {
    const auto order = random.permutation(counts[i]);
    for (std::size_t j = 0; j < train_counts[i] + test_counts[i]; ++j) {
      auto& part = j < train_counts[i] ? split.train : split.test;
      part.push_back(rows_of_class[i][order[j]]);
    }
  }
  random.shuffle(split.train);
  random.shuffle(split.test);
  return split;
}

}  // namespace iris::dataset
