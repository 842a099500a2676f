#include "train/logistic_regression.hpp"

#include <LBFGS.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <set>

#include "train/newton.hpp"
#include "train/softmax_problem.hpp"

namespace iris::train {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kLbfgsTolerance = 1e-5;  // of the scaled gradient's norm, per root of the rows

// What LBFGS++ minimises: Θ as one vector. Keeps the best point, since its line search leaves by an
// exception when rounding hides any further descent.
class Objective {
 public:
  Objective(const Problem& problem, const std::function<void()>& tick, MatrixXd& best)
      : problem_(problem), tick_(tick), best_(best) {}

  double operator()(const VectorXd& x, VectorXd& gradient) {
    tick_();
    const Eigen::Map<const MatrixXd> theta(x.data(), best_.rows(), best_.cols());
    const ObjectiveAt at = evaluate(problem_, theta);
    gradient = at.gradient.reshaped();
    if (at.value < lowest_) {
      lowest_ = at.value;
      best_ = theta;
    }
    return at.value;
  }

 private:
  const Problem& problem_;
  const std::function<void()>& tick_;
  MatrixXd& best_;
  double lowest_ = std::numeric_limits<double>::infinity();
};

// Moves theta to the neighbourhood of the minimum; the number of iterations.
std::size_t minimise(const Problem& problem, const FitOptions& options, MatrixXd& theta) {
  const std::size_t max_iterations = options.max_iterations;
  LBFGSpp::LBFGSParam<double> parameters;
  parameters.m = 20;
  parameters.epsilon = kLbfgsTolerance * std::sqrt(static_cast<double>(problem.design.rows()));
  parameters.epsilon_rel = 0;
  parameters.max_iterations = static_cast<int>(max_iterations);
  parameters.max_linesearch = 60;
  Objective objective(problem, options.tick, theta);
  LBFGSpp::LBFGSSolver<double> solver(parameters);
  VectorXd x = theta.reshaped();
  double value = 0;
  try {
    return static_cast<std::size_t>(solver.minimize(objective, x, value));
  } catch (const std::exception&) {
    return max_iterations;
  }
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

  const ObjectiveAt at = evaluate(problem, theta);
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
        "least two classes; give more rows or another split",
        seen.size(), examples.classes.size(), examples.target_name);
  }
  const Problem problem = make_problem(examples, rows, options.inverse_regularization);
  MatrixXd theta = MatrixXd::Zero(problem.design.cols(), problem.targets.cols());
  Fit fit;
  fit.iterations = minimise(problem, options, theta);
  fit.converged = fit.iterations < options.max_iterations;
  const Polish polished = polish(problem, theta, options.tick);
  fit.newton_steps = polished.steps;
  if (!polished.out_of_work) fit.converged = polished.converged;
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
