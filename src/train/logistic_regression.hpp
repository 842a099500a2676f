// Multinomial logistic regression with an L2 penalty, the objective of scikit-learn's
// LogisticRegression (sklearn/linear_model/_logistic.py):
//
//   Σ_i −log p(y_i | x_i)  +  1/(2C) · ‖W‖²,   intercepts not penalised
//
// with p the softmax of Wx + b, or for two classes the logistic function of one score. L-BFGS finds
// the neighbourhood of the minimum in variables scaled so that features of very different size do
// no harm, then Newton's method removes the rest, so that the result is the minimum itself and does
// not depend on the machine.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "base/result.hpp"
#include "dataset/examples.hpp"
#include "model/model.hpp"

namespace iris::train {

struct FitOptions {
  double inverse_regularization = 1;  // C
  std::size_t max_iterations = 1000;  // of L-BFGS
  // Called between parts of the work, at least once an iteration.
  std::function<void()> tick = [] {};
};

struct Fit {
  // As of model::LinearClassifier; for two classes the rows are each other's negative.
  std::vector<double> coefficients;  // row-major [classes × features]
  std::vector<double> intercepts;    // [classes]
  std::size_t iterations = 0;        // of L-BFGS
  std::size_t newton_steps = 0;
  double objective = 0;
  // Of the objective in the variables W and b. The minimum's W is within C · gradient_norm.
  double gradient_norm = 0;
  bool converged = false;
};

// Fits on the given rows of `examples`. Fails when fewer than two classes are among them.
Result<Fit> fit_logistic_regression(const dataset::Examples& examples,
                                    const std::vector<std::size_t>& rows,
                                    const FitOptions& options);

// The fit in single precision, with the names of the examples. Fails as model::validate does.
Result<model::Model> to_model(const Fit& fit, const dataset::Examples& examples);

}  // namespace iris::train
