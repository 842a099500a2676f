// Newton's method from near the minimum of a Problem: it takes the rest of the way, to where
// rounding hides any further descent.
//
// A step solves one linear system. Up to kMostFactorWork multiplications the system is factorised.
// Above, where the factorisation's cost, unknowns³, would rule, conjugate gradients solve it: a
// product with the hessian costs rows · unknowns (Nocedal and Wright, Numerical Optimization, 2006,
// section 7.1).
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <functional>

#include "train/softmax_problem.hpp"

namespace iris::train {

struct Polish {
  std::size_t steps = 0;
  bool converged = false;
  // The multiplications allowed were used up: what stands is a point on the way.
  bool out_of_work = false;
};

// Moves theta as long as each step makes the gradient shorter; `tick` is called between parts of
// the work.
Polish polish(const Problem& problem, Eigen::MatrixXd& theta, const std::function<void()>& tick);

}  // namespace iris::train
