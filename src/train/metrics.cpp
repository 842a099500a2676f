#include "train/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace iris::train {
namespace {

double ratio(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

ClassMetrics measure_class(const std::vector<std::vector<std::size_t>>& confusion, std::size_t c,
                           const std::string& label) {
  ClassMetrics out;
  out.label = label;
  std::size_t predicted = 0;
  for (const auto& row : confusion) predicted += row[c];
  for (const auto count : confusion[c]) out.support += count;
  const std::size_t correct = confusion[c][c];
  out.precision = ratio(correct, predicted);
  out.recall = ratio(correct, out.support);
  out.f1 = ratio(2 * correct, predicted + out.support);
  return out;
}

// Probabilities are kept away from 0 and 1 by the machine epsilon, as scikit-learn's log_loss does.
double measure_log_loss(std::span<const std::uint32_t> truth, std::span<const float> probabilities,
                        std::size_t classes) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double p = probabilities[i * classes + truth[i]];
    sum -= std::log(std::clamp(p, kEpsilon, 1 - kEpsilon));
  }
  return sum / static_cast<double>(truth.size());
}

}  // namespace

Metrics measure(std::span<const std::uint32_t> truth, std::span<const std::uint32_t> predicted,
                std::span<const float> probabilities, const std::vector<std::string>& labels) {
  const std::size_t classes = labels.size();
  Metrics out;
  out.rows = truth.size();
  out.confusion.assign(classes, std::vector<std::size_t>(classes));
  for (std::size_t i = 0; i < truth.size(); ++i) ++out.confusion[truth[i]][predicted[i]];
  for (std::size_t c = 0; c < classes; ++c) {
    out.correct += out.confusion[c][c];
    out.classes.push_back(measure_class(out.confusion, c, labels[c]));
    out.macro_precision += out.classes[c].precision / static_cast<double>(classes);
    out.macro_recall += out.classes[c].recall / static_cast<double>(classes);
    out.macro_f1 += out.classes[c].f1 / static_cast<double>(classes);
  }
  out.accuracy = ratio(out.correct, out.rows);
  out.accuracy_interval = wilson_interval(out.correct, out.rows);
  out.log_loss = measure_log_loss(truth, probabilities, classes);
  return out;
}

Interval wilson_interval(double share, std::size_t trials, double z) {
  if (trials == 0) return {0, 1};
  const auto n = static_cast<double>(trials);
  const double centre = share + z * z / (2 * n);
  const double half = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  const double divisor = 1 + z * z / n;
  // Exactly 0 and 1 at the ends, which rounding would miss.
  return {share <= 0 ? 0 : (centre - half) / divisor, share >= 1 ? 1 : (centre + half) / divisor};
}

Interval wilson_interval(std::size_t successes, std::size_t trials) {
  constexpr double kZ = 1.959963984540054;  // the normal distribution's 97.5 % quantile
  return wilson_interval(ratio(successes, trials), trials, kZ);
}

}  // namespace iris::train
