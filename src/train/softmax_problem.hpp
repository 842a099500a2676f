// The objective of logistic_regression.hpp as a function of one matrix Θ: its value, its gradient,
// its second derivative as a matrix or as a product with a direction.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "dataset/examples.hpp"

namespace iris::train {

// The problem in scaled variables: scores = design · Θ, Θ of [features + 1 × score columns].
//
// A feature's column is (x − mean) · scale, the last column the intercept's. The scale is about
// 1/√(second derivative), so that all directions are about equally curved; it changes the
// variables, not the objective.
struct Problem {
  Eigen::MatrixXd design;   // [rows × features + 1]
  Eigen::MatrixXd targets;  // [rows × score columns], 1 where the row is of the class
  Eigen::VectorXd mean;     // [features]
  Eigen::VectorXd scale;    // [features + 1]
  Eigen::VectorXd penalty;  // [features + 1], on Θ²/2; 0 for the intercept

  // Two classes have one score, that of the second.
  bool binary() const { return targets.cols() == 1; }
};

Problem make_problem(const dataset::Examples& examples, const std::vector<std::size_t>& rows,
                     double inverse_regularization);

// The objective at a point.
struct ObjectiveAt {
  double value = 0;
  Eigen::MatrixXd probabilities;  // [rows × score columns]
  Eigen::MatrixXd gradient;       // as Θ
};

ObjectiveAt evaluate(const Problem& problem, const Eigen::MatrixXd& theta);

// The second derivative at the point that gave `probabilities`, over Θ column by column. The
// softmax does not see a constant added to all intercepts; 1 is added to the curvature along that
// direction, so that the intercepts' sum stays 0, as it does in scikit-learn.
Eigen::MatrixXd hessian(const Problem& problem, const Eigen::MatrixXd& probabilities);
// The hessian times `direction`, which has Θ's shape, without the hessian: rows · unknowns
// multiplications instead of their square.
Eigen::MatrixXd curve(const Problem& problem, const Eigen::MatrixXd& probabilities,
                      const Eigen::MatrixXd& direction);
// The block of the hessian that belongs to `width` rows of Θ from `first` on, in column `k`.
Eigen::MatrixXd hessian_block(const Problem& problem, const Eigen::MatrixXd& probabilities,
                              Eigen::Index k, Eigen::Index first, Eigen::Index width);

}  // namespace iris::train
