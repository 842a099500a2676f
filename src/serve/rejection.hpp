// Why a body is not answered with predictions.
#pragma once

#include <string>
#include <string_view>

namespace iris::serve {

struct Rejection {
  std::string_view reason;  // the label that counts it
  std::string message;      // the place, what was found, what was expected
  int status = 400;
};

}  // namespace iris::serve
