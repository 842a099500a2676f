#include "engine/reference.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace iris::engine::reference {
namespace {

// Shifting all scores by one constant changes no probability and keeps exp in range.
std::vector<double> softmax(const std::vector<double>& scores) {
  const double highest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const double score : scores) sum += std::exp(score - highest);
  std::vector<double> probabilities;
  for (const double score : scores) probabilities.push_back(std::exp(score - highest) / sum);
  return probabilities;
}

std::vector<double> logistic(const std::vector<double>& scores) {
  std::vector<double> probabilities;
  for (const double score : scores) probabilities.push_back(1 / (1 + std::exp(-score)));
  return probabilities;
}

}  // namespace

Answer predict(const model::Model& model, std::span<const float> row) {
  const auto& classifier = model.classifier;
  Answer answer;
  for (std::size_t c = 0; c < model.classes(); ++c) {
    double score = classifier.intercepts[c];
    for (std::size_t f = 0; f < model.features(); ++f) {
      score += double{classifier.coefficients[c * model.features() + f]} * double{row[f]};
    }
    answer.scores.push_back(score);
    if (score > answer.scores[answer.label]) answer.label = static_cast<std::uint32_t>(c);
  }
  answer.probabilities =
      classifier.link == model::Link::kSoftmax ? softmax(answer.scores) : logistic(answer.scores);
  return answer;
}

}  // namespace iris::engine::reference
