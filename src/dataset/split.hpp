// Train and test rows, equal to scikit-learn's train_test_split row for row and in the same order.
//
// scikit-learn draws from numpy's RandomState: a Mersenne twister seeded with one 32-bit number,
// and a Fisher-Yates shuffle whose draws are masked and rejected (numpy/random/mtrand.pyx: shuffle;
// distributions.c: random_interval). tests/golden/make_split.py asks the real one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.hpp"

namespace iris::dataset {

struct Split {
  std::vector<std::size_t> train;
  std::vector<std::size_t> test;
};

// train_test_split(X, test_size=test_fraction, random_state=seed). `test_fraction` is within (0,
// 1); the test part has ceil(test_fraction · rows) rows. Fails when a part would be empty.
Result<Split> train_test_split(std::size_t rows, double test_fraction, std::uint32_t seed);

// train_test_split(X, test_size=test_fraction, random_state=seed, stratify=y), where labels[i] is
// the class of row i as its index in sorted order (Examples::labels). Fails too when a class has
// one row only, or a part has fewer rows than there are classes.
Result<Split> stratified_split(const std::vector<std::uint32_t>& labels, double test_fraction,
                               std::uint32_t seed);

}  // namespace iris::dataset
