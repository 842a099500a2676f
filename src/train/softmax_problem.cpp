#include "train/softmax_problem.hpp"

#include <algorithm>
#include <cmath>

namespace iris::train {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// So many scores at once stay in a core's own cache.
constexpr Index kBlockScores = 1 << 14;
constexpr Index kLeastBlockRows = 16;

}  // namespace

Problem make_problem(const dataset::Examples& examples, const std::vector<std::size_t>& rows,
                     double inverse_regularization) {
  const auto n = static_cast<Index>(rows.size());
  const auto features = static_cast<Index>(examples.feature_names.size());
  const auto classes = static_cast<Index>(examples.classes.size());
  Problem problem;
  problem.design.resize(n, features + 1);
  problem.targets = MatrixXd::Zero(n, classes == 2 ? 1 : classes);
  for (Index i = 0; i < n; ++i) {
    const std::size_t row = rows[static_cast<std::size_t>(i)];
    const double* values = &examples.features[row * examples.feature_names.size()];
    problem.design.row(i).head(features) = Eigen::Map<const Eigen::RowVectorXd>(values, features);
    const auto label = static_cast<Index>(examples.labels[row]);
    if (classes > 2) problem.targets(i, label) = 1;
    if (classes == 2) problem.targets(i, 0) = static_cast<double>(label);
  }
  auto x = problem.design.leftCols(features);
  problem.mean = x.colwise().mean();
  x.rowwise() -= problem.mean.transpose();
  // p · (1 − p) is at most 1/4.
  const ArrayXd curvature = x.colwise().squaredNorm().transpose().array() / 4;
  problem.scale.resize(features + 1);
  problem.scale.head(features) = (curvature + 1 / inverse_regularization).rsqrt();
  problem.scale[features] = 1 / std::sqrt(static_cast<double>(n) / 4);
  x *= problem.scale.head(features).asDiagonal();
  problem.design.col(features).setConstant(problem.scale[features]);
  problem.penalty = problem.scale.array().square() / inverse_regularization;
  problem.penalty[features] = 0;
  return problem;
}

ObjectiveAt evaluate(const Problem& problem, const MatrixXd& theta) {
  ObjectiveAt out;
  const MatrixXd scores = problem.design * theta;
  if (problem.binary()) {
    // log(1 + exp(s)) without overflow.
    const ArrayXd s = scores.col(0).array();
    out.value = (s.max(0) + (-s.abs()).exp().log1p() - s * problem.targets.col(0).array()).sum();
    out.probabilities = (1 / (1 + (-s).exp())).matrix();
  } else {
    const VectorXd highest = scores.rowwise().maxCoeff();
    const MatrixXd shifted = scores.colwise() - highest;
    const MatrixXd exponentials = shifted.array().exp();
    const ArrayXd sums = exponentials.rowwise().sum();
    out.value = sums.log().sum() - (shifted.array() * problem.targets.array()).sum();
    out.probabilities = exponentials.array().colwise() / sums;
  }
  const MatrixXd pull = problem.penalty.asDiagonal() * theta;
  out.value += (pull.array() * theta.array()).sum() / 2;
  out.gradient = problem.design.transpose() * (out.probabilities - problem.targets) + pull;
  return out;
}

MatrixXd hessian(const Problem& problem, const MatrixXd& probabilities) {
  const Index width = problem.design.cols();
  const Index columns = probabilities.cols();
  MatrixXd out(width * columns, width * columns);
  for (Index k = 0; k < columns; ++k) {
    for (Index l = 0; l <= k; ++l) {
      const double same = k == l ? 1 : 0;
      const VectorXd weight = probabilities.col(k).array() * (same - probabilities.col(l).array());
      const MatrixXd block = problem.design.transpose() * weight.asDiagonal() * problem.design;
      out.block(k * width, l * width, width, width) = block;
      out.block(l * width, k * width, width, width) = block.transpose();
    }
    out.diagonal().segment(k * width, width) += problem.penalty;
  }
  if (problem.binary()) return out;
  for (Index k = 0; k < columns; ++k) {
    for (Index l = 0; l < columns; ++l) out((k + 1) * width - 1, (l + 1) * width - 1) += 1;
  }
  return out;
}

MatrixXd curve(const Problem& problem, const MatrixXd& probabilities, const MatrixXd& direction) {
  const Index columns = direction.cols();
  const Index most = std::max(kLeastBlockRows, kBlockScores / columns);
  MatrixXd out = problem.penalty.asDiagonal() * direction;
  MatrixXd pulled;
  for (Index begin = 0; begin < problem.design.rows(); begin += most) {
    const Index rows = std::min(most, problem.design.rows() - begin);
    const auto design = problem.design.middleRows(begin, rows);
    const auto chances = probabilities.middleRows(begin, rows);
    pulled.noalias() = design * direction;
    pulled.array() *= chances.array();
    if (problem.binary()) {
      pulled.array() *= 1 - chances.array();
    } else {
      const VectorXd mean = pulled.rowwise().sum();
      pulled.noalias() -= mean.asDiagonal() * chances;
    }
    out.noalias() += design.transpose() * pulled;
  }
  const Index intercept = out.rows() - 1;
  if (!problem.binary()) out.row(intercept).array() += direction.row(intercept).sum();
  return out;
}

MatrixXd hessian_block(const Problem& problem, const MatrixXd& probabilities, Index k, Index first,
                       Index width) {
  const auto design = problem.design.middleCols(first, width);
  const VectorXd weight = probabilities.col(k).array() * (1 - probabilities.col(k).array());
  MatrixXd out = design.transpose() * weight.asDiagonal() * design;
  out.diagonal() += problem.penalty.segment(first, width);
  if (!problem.binary() && first + width == problem.design.cols()) out(width - 1, width - 1) += 1;
  return out;
}

}  // namespace iris::train
