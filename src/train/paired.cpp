#include "train/paired.hpp"

#include <algorithm>
#include <cmath>

namespace iris::train {
namespace {

constexpr double kZ = 2.3263478740408408;       // the normal distribution's 99 % quantile
constexpr double kPowerZ = 0.8416212335729143;  // and its 80 % quantile
constexpr int kHalvings = 60;

// Counts as real numbers, so that a sample can be imagined in another size.
struct Counts {
  double rows = 0;
  double lost = 0;
  double gained = 0;
};

Counts to_counts(const Pairs& pairs) {
  return {static_cast<double>(pairs.rows), static_cast<double>(pairs.lost),
          static_cast<double>(pairs.gained)};
}

// Tango's statistic for the hypothesis that the change is `change`: 0 at the change observed,
// falling as `change` grows. `q` is the share of lost rows that is most likely under the
// hypothesis.
double score(const Counts& counts, double change) {
  const double b =
      (2 * counts.rows - counts.gained + counts.lost) * change - counts.gained - counts.lost;
  const double c = -counts.lost * change * (1 - change);
  const double q = (std::sqrt(std::max(0.0, b * b - 8 * counts.rows * c)) - b) / (4 * counts.rows);
  const double variance = counts.rows * (2 * q + change * (1 - change));
  const double distance = counts.gained - counts.lost - counts.rows * change;
  if (variance <= 0) return distance == 0 ? 0 : std::copysign(HUGE_VAL, distance);
  return distance / std::sqrt(variance);
}

// Where `above` goes from true to false between low and high.
template <class Above>
double crossing(double low, double high, Above&& above) {
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    (above(middle) ? low : high) = middle;
  }
  return (low + high) / 2;
}

Interval change_of(const Counts& counts) {
  const double seen = (counts.gained - counts.lost) / counts.rows;
  return {crossing(-1, seen, [&](double change) { return score(counts, change) > kZ; }),
          crossing(seen, 1, [&](double change) { return score(counts, change) > -kZ; })};
}

Comparison judge(const Interval& change, double margin) {
  if (change.low >= -margin) return Comparison::kNoWorse;
  return change.high < -margin ? Comparison::kWorse : Comparison::kUndecided;
}

double log_binomial(double n, double k, double p) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
         (n - k) * std::log1p(-p);
}

// P(X >= k) for X of Binomial(n, p), 0 < p < 1.
double binomial_tail(std::size_t n, std::size_t k, double p) {
  if (k == 0) return 1;
  double sum = 0;
  const auto trials = static_cast<double>(n);
  double term = k > n ? 0 : std::exp(log_binomial(trials, static_cast<double>(k), p));
  for (std::size_t i = k; i <= n; ++i) {
    if (i > k && term == 0 && sum == 0) {  // it began below what a double holds
      term = std::exp(log_binomial(trials, static_cast<double>(i), p));
    }
    sum += term;
    const auto x = static_cast<double>(i);
    if (x > trials * p && term <= sum * 1e-17) break;
    term *= (trials - x) / (x + 1) * p / (1 - p);
  }
  return std::min(sum, 1.0);
}

// The smallest number of lost rows that is called worse beside so many gained; `most` + 1 when none
// is.
template <class Worse>
std::size_t first_worse(std::size_t most, Worse&& worse) {
  std::size_t low = 0;
  std::size_t high = most + 1;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (middle <= most && !worse(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

Interval paired_change(const Pairs& pairs) {
  return change_of(to_counts(pairs));
}

Comparison compare(const Pairs& pairs, double margin) {
  const Comparison found = judge(paired_change(pairs), margin);
  if (found != Comparison::kWorse) return found;
  const double chance = binomial_tail(pairs.lost + pairs.gained, pairs.lost, 0.5);
  return chance <= kGateError ? found : Comparison::kUndecided;
}

double false_alarm(const Pairs& pairs, double margin) {
  const std::size_t disagreements = pairs.lost + pairs.gained;
  const std::size_t lost = first_worse(disagreements, [&](std::size_t count) {
    return compare({pairs.rows, count, disagreements - count}, margin) == Comparison::kWorse;
  });
  return lost > disagreements ? 0 : binomial_tail(disagreements, lost, 0.5);
}

std::optional<double> visible_drop(const Pairs& pairs, double margin) {
  const std::size_t gained = std::min(pairs.lost, pairs.gained);
  const std::size_t most = pairs.rows - gained;
  const std::size_t lost = first_worse(most, [&](std::size_t count) {
    return compare({pairs.rows, count, gained}, margin) == Comparison::kWorse;
  });
  if (lost > most) return std::nullopt;
  const double share =
      crossing(0, 1, [&](double p) { return binomial_tail(pairs.rows, lost, p) < kGatePower; });
  return share - static_cast<double>(gained) / static_cast<double>(pairs.rows);
}

std::optional<std::size_t> rows_needed(const Pairs& pairs, double margin) {
  if (margin <= 0) return std::nullopt;
  const double disagreement =
      static_cast<double>(pairs.lost + pairs.gained) / static_cast<double>(pairs.rows);
  const double z = kZ + kPowerZ;
  // Without any disagreement the interval's low end is -z² / (rows + z²).
  return static_cast<std::size_t>(std::ceil(
      std::max(disagreement * z * z / (margin * margin), kZ * kZ * (1 - margin) / margin)));
}

Interval unpaired_change(const Sample& before, const Sample& now) {
  const Interval old_share = wilson_interval(before.share, before.rows, kZ);
  const Interval new_share = wilson_interval(now.share, now.rows, kZ);
  const double change = now.share - before.share;
  return {change - std::hypot(now.share - new_share.low, old_share.high - before.share),
          change + std::hypot(new_share.high - now.share, before.share - old_share.low)};
}

Comparison compare(const Sample& before, const Sample& now, double margin) {
  return judge(unpaired_change(before, now), margin);
}

}  // namespace iris::train
