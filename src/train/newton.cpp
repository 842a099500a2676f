#include "train/newton.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <optional>
#include <vector>

namespace iris::train {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int kMostNewtonSteps = 20;
constexpr double kNewtonTolerance = 1e-9;  // of the last step, against the coefficients
constexpr double kMostFactorWork = 1e8;    // multiplications for one hessian and its factors
constexpr double kMostWork = 1e11;         // multiplications of all conjugate gradients together
constexpr Index kBlockFeatures = 32;       // of the preconditioner
constexpr double kResidual = 1e-4;         // of conjugate gradients, against the gradient

double factor_work(const Problem& problem, double unknowns) {
  const auto rows = static_cast<double>(problem.design.rows());
  return unknowns * unknowns * (unknowns / 3 + rows / 2);
}

// The inverse of the hessian without what couples classes, and features that are far apart.
class Preconditioner {
 public:
  Preconditioner(const Problem& problem, const MatrixXd& probabilities) {
    for (Index k = 0; k < probabilities.cols(); ++k) {
      for (Index first = 0; first < problem.design.cols(); first += kBlockFeatures) {
        const Index width = std::min(kBlockFeatures, problem.design.cols() - first);
        blocks_.emplace_back(hessian_block(problem, probabilities, k, first, width));
      }
    }
  }

  MatrixXd times(const MatrixXd& residual) const {
    MatrixXd out(residual.rows(), residual.cols());
    auto block = blocks_.begin();
    for (Index k = 0; k < residual.cols(); ++k) {
      for (Index first = 0; first < residual.rows(); first += kBlockFeatures, ++block) {
        out.col(k).segment(first, block->rows()) =
            block->solve(residual.col(k).segment(first, block->rows()));
      }
    }
    return out;
  }

 private:
  std::vector<Eigen::LLT<MatrixXd>> blocks_;
};

class Steps {
 public:
  Steps(const Problem& problem, const MatrixXd& theta, const std::function<void()>& tick)
      : problem_(problem), tick_(tick) {
    const auto unknowns = static_cast<double>(theta.size());
    factorises_ = factor_work(problem, unknowns) <= kMostFactorWork;
    products_ = kMostWork / (2 * unknowns * static_cast<double>(problem.design.rows()));
  }

  bool factorises() const { return factorises_; }

  // What to subtract from Θ; nothing when the work allowed is used up.
  std::optional<MatrixXd> next(const ObjectiveAt& at) {
    if (!factorises_) return conjugate_gradients(at);
    const Eigen::LDLT<MatrixXd> factors(hessian(problem_, at.probabilities));
    const VectorXd step = factors.solve(VectorXd(at.gradient.reshaped()));
    return MatrixXd(step.reshaped(at.gradient.rows(), at.gradient.cols()));
  }

 private:
  std::optional<MatrixXd> conjugate_gradients(const ObjectiveAt& at) {
    const Preconditioner inverse(problem_, at.probabilities);
    MatrixXd step = MatrixXd::Zero(at.gradient.rows(), at.gradient.cols());
    MatrixXd residual = at.gradient;
    MatrixXd direction = inverse.times(residual);
    double length = residual.cwiseProduct(direction).sum();
    const double enough = kResidual * at.gradient.norm();
    while (residual.norm() > enough) {
      if (--products_ < 0) return std::nullopt;
      tick_();
      const MatrixXd curved = curve(problem_, at.probabilities, direction);
      const double curvature = direction.cwiseProduct(curved).sum();
      if (!(curvature > 0)) break;  // rounding has eaten the direction
      step += length / curvature * direction;
      residual -= length / curvature * curved;
      const MatrixXd scaled = inverse.times(residual);
      const double next_length = residual.cwiseProduct(scaled).sum();
      direction = scaled + next_length / length * direction;
      length = next_length;
    }
    return step;
  }

  const Problem& problem_;
  const std::function<void()>& tick_;
  bool factorises_ = true;
  double products_ = 0;  // left
};

}  // namespace

Polish polish(const Problem& problem, MatrixXd& theta, const std::function<void()>& tick) {
  Polish out;
  Steps steps(problem, theta, tick);
  ObjectiveAt at = evaluate(problem, theta);
  for (int i = 0; i < kMostNewtonSteps; ++i) {
    tick();
    const auto step = steps.next(at);
    out.out_of_work = !step;
    if (!step || !step->allFinite()) return out;
    const MatrixXd next = theta - *step;
    out.converged = step->norm() <= kNewtonTolerance * (1 + theta.norm());
    ObjectiveAt there = evaluate(problem, next);
    if (!(there.gradient.norm() < at.gradient.norm())) return out;
    theta = next;
    at = std::move(there);
    ++out.steps;
    // Where a step is dear, the last ones are not worth it.
    if (out.converged && !steps.factorises()) return out;
  }
  return out;
}

}  // namespace iris::train
