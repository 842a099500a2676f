#include "train/logistic_regression.hpp"

#include <LBFGS.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <set>

namespace iris::train {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kLbfgsTolerance = 1e-5;  // of the scaled gradient's norm, per root of the rows
constexpr int kMostNewtonSteps = 20;
constexpr double kNewtonTolerance = 1e-9;  // of the last step, against the coefficients
constexpr double kMostNewtonWork = 2e10;   // multiplications for one Hessian

// The problem in scaled variables: scores = design · Θ, Θ of [features + 1 × score columns].
//
// A feature's column is (x − mean) · scale, the last column the intercept's. The scale is about
// 1/√(second derivative), so that all directions are about equally curved; it changes the
// variables, not the objective.
struct Problem {
  MatrixXd design;   // [rows × features + 1]
  MatrixXd targets;  // [rows × score columns], 1 where the row is of the class
  VectorXd mean;     // [features]
  VectorXd scale;    // [features + 1]
  VectorXd penalty;  // [features + 1], on Θ²/2; 0 for the intercept

  // Two classes have one score, that of the second.
  bool binary() const { return targets.cols() == 1; }
};

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

struct Evaluation {
  double value = 0;
  MatrixXd probabilities;  // [rows × score columns]
  MatrixXd gradient;       // as Θ
};

Evaluation evaluate(const Problem& problem, const MatrixXd& theta) {
  Evaluation out;
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

// What LBFGS++ minimises: Θ as one vector. Keeps the best point, since its line search leaves by an
// exception when rounding hides any further descent.
class Objective {
 public:
  Objective(const Problem& problem, MatrixXd& best) : problem_(problem), best_(best) {}

  double operator()(const VectorXd& x, VectorXd& gradient) {
    const Eigen::Map<const MatrixXd> theta(x.data(), best_.rows(), best_.cols());
    const Evaluation at = evaluate(problem_, theta);
    gradient = at.gradient.reshaped();
    if (at.value < lowest_) {
      lowest_ = at.value;
      best_ = theta;
    }
    return at.value;
  }

 private:
  const Problem& problem_;
  MatrixXd& best_;
  double lowest_ = std::numeric_limits<double>::infinity();
};

// Moves theta to the neighbourhood of the minimum; the number of iterations.
std::size_t minimise(const Problem& problem, std::size_t max_iterations, MatrixXd& theta) {
  LBFGSpp::LBFGSParam<double> parameters;
  parameters.m = 20;
  parameters.epsilon = kLbfgsTolerance * std::sqrt(static_cast<double>(problem.design.rows()));
  parameters.epsilon_rel = 0;
  parameters.max_iterations = static_cast<int>(max_iterations);
  parameters.max_linesearch = 60;
  Objective objective(problem, theta);
  LBFGSpp::LBFGSSolver<double> solver(parameters);
  VectorXd x = theta.reshaped();
  double value = 0;
  try {
    return static_cast<std::size_t>(solver.minimize(objective, x, value));
  } catch (const std::exception&) {
    return max_iterations;
  }
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
  // The softmax does not see a constant added to all intercepts. This curves that direction, so
  // that the intercepts' sum stays 0, as it does in scikit-learn.
  for (Index k = 0; k < columns; ++k) {
    for (Index l = 0; l < columns; ++l) out((k + 1) * width - 1, (l + 1) * width - 1) += 1;
  }
  return out;
}

struct Polish {
  std::size_t steps = 0;
  bool converged = false;
};

// Newton's method from near the minimum, as long as each step makes the gradient shorter.
Polish polish(const Problem& problem, MatrixXd& theta) {
  Polish out;
  Evaluation at = evaluate(problem, theta);
  for (int i = 0; i < kMostNewtonSteps; ++i) {
    const Eigen::LDLT<MatrixXd> factors(hessian(problem, at.probabilities));
    const VectorXd step = factors.solve(VectorXd(at.gradient.reshaped()));
    if (!step.allFinite()) return out;
    const MatrixXd next = theta - step.reshaped(theta.rows(), theta.cols());
    out.converged = step.norm() <= kNewtonTolerance * (1 + theta.norm());
    Evaluation there = evaluate(problem, next);
    if (!(there.gradient.norm() < at.gradient.norm())) return out;
    theta = next;
    at = std::move(there);
    ++out.steps;
  }
  return out;
}

// Back to W and b, with a row for each class.
void fill(const Problem& problem, const MatrixXd& theta, Fit& fit) {
  const Index features = problem.mean.size();
  const MatrixXd scaled = problem.scale.asDiagonal() * theta;
  const auto add = [&](Index column, double sign) {
    const VectorXd w = sign * scaled.col(column).head(features);
    fit.coefficients.insert(fit.coefficients.end(), w.begin(), w.end());
    fit.intercepts.push_back(sign * scaled(features, column) - w.dot(problem.mean));
  };
  if (problem.binary()) add(0, -1);
  for (Index k = 0; k < theta.cols(); ++k) add(k, 1);

  const Evaluation at = evaluate(problem, theta);
  fit.objective = at.value;
  MatrixXd gradient = problem.scale.cwiseInverse().asDiagonal() * at.gradient;
  gradient.topRows(features) += problem.mean * gradient.row(features);
  fit.gradient_norm = gradient.norm();
}

}  // namespace

Result<Fit> fit_logistic_regression(const dataset::Examples& examples,
                                    const std::vector<std::size_t>& rows,
                                    const FitOptions& options) {
  std::set<std::uint32_t> seen;
  for (const auto row : rows) seen.insert(examples.labels[row]);
  if (seen.size() != examples.classes.size() || seen.size() < 2) {
    return input_error(
        "found rows of {} of the {} classes of '{}' to train on, expected rows of each and at "
        "least "
        "two classes; give more rows or another split",
        seen.size(), examples.classes.size(), examples.target_name);
  }
  const Problem problem = make_problem(examples, rows, options.inverse_regularization);
  MatrixXd theta = MatrixXd::Zero(problem.design.cols(), problem.targets.cols());
  Fit fit;
  fit.iterations = minimise(problem, options.max_iterations, theta);
  fit.converged = fit.iterations < options.max_iterations;
  const auto unknowns = static_cast<double>(theta.size());
  if (unknowns * unknowns * static_cast<double>(rows.size()) <= kMostNewtonWork) {
    const Polish polished = polish(problem, theta);
    fit.newton_steps = polished.steps;
    fit.converged = polished.converged;
  }
  fill(problem, theta, fit);
  return fit;
}

Result<model::Model> to_model(const Fit& fit, const dataset::Examples& examples) {
  model::Model model;
  model.signature = {examples.feature_names, examples.classes};
  for (const double w : fit.coefficients) {
    model.classifier.coefficients.push_back(static_cast<float>(w));
  }
  for (const double b : fit.intercepts) {
    model.classifier.intercepts.push_back(static_cast<float>(b));
  }
  model.classifier.link =
      examples.classes.size() == 2 ? model::Link::kLogistic : model::Link::kSoftmax;
  if (auto ok = model::validate(model); !ok) return tl::unexpected(ok.error());
  return model;
}

}  // namespace iris::train
