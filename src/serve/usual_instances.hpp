// The form in which nearly all clients send the body of POST /predict, read in one pass over its
// bytes, at a fraction of what a JSON parser costs:
//
//   {"instances": [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3]]}
//
// One key, each row an array, each number without an exponent and of at most 15 digits.
#pragma once

#include <cstddef>
#include <string_view>

#include "serve/instances.hpp"

namespace iris::serve {

// Returns whether the body has that form, with `features` numbers in each row, and is good; then
// `instances` is what InstancesParser makes of it. Any other body, good or not, is left to that
// one, and `instances` holds nothing of use.
bool read_usual_instances(std::string_view body, std::size_t features, Instances& instances);

}  // namespace iris::serve
