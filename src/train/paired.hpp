// Is a new model worse than an old one? Both answer the same held-out rows, so only the rows on
// which one is right and the other wrong say anything.
//
// The change of accuracy, new minus old, gets a score interval (Tango, Statistics in Medicine 17,
// 1998, 891-908) whose ends are each exceeded in 1 % of samples. Against a margin that makes three
// answers (non-inferiority: Liu, Hsueh, Hsieh and Chen, Statistics in Medicine 21, 2002, 231-245):
//   no worse    the whole interval lies above -margin
//   worse       the whole interval lies below -margin, and the exact sign test (McNemar) refuses
//               equality at 1 % too: so two equally good models are told apart in at most 1 % of
//               samples, of any size
//   undecided   the sample is too small to say
#pragma once

#include <cstddef>
#include <optional>

#include "train/metrics.hpp"

namespace iris::train {

// The one-sided error of each end of an interval, and of a refusal of equals.
inline constexpr double kGateError = 0.01;
// How often a drop is found that counts as visible.
inline constexpr double kGatePower = 0.8;

struct Pairs {
  std::size_t rows = 0;
  std::size_t lost = 0;    // the old model was right, the new one is wrong
  std::size_t gained = 0;  // the other way round
};

enum class Comparison { kNoWorse, kWorse, kUndecided };

// Of accuracy(new) - accuracy(old). At least one row.
Interval paired_change(const Pairs& pairs);
Comparison compare(const Pairs& pairs, double margin);

// The probability that compare() calls two equally good models worse, given that they disagree on
// as many rows as these do: exact, from the binomial distribution with 1/2.
double false_alarm(const Pairs& pairs, double margin);
// The smallest drop of accuracy that compare() calls worse in kGatePower of samples, when the new
// model gains what it gains here; nothing when no drop is.
std::optional<double> visible_drop(const Pairs& pairs, double margin);
// Rows on which equally good models that disagree as often as these do are found to be no worse in
// kGatePower of samples; nothing when the margin is 0, which no sample can show.
std::optional<std::size_t> rows_needed(const Pairs& pairs, double margin);

// Two samples of different rows, of which only the counts are known: Newcombe's interval from
// Wilson's two (Statistics in Medicine 17, 1998, 873-890, method 10). On the same rows it is too
// wide, never too narrow.
struct Sample {
  double share = 0;
  std::size_t rows = 0;
};
Interval unpaired_change(const Sample& before, const Sample& now);
Comparison compare(const Sample& before, const Sample& now, double margin);

}  // namespace iris::train
