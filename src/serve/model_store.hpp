// The model being served: read by every thread, replaced whole by one.
#pragma once

#include "base/replaceable.hpp"
#include "serve/served_model.hpp"

namespace iris::serve {

using ModelStore = Replaceable<ServedModel>;

}  // namespace iris::serve
