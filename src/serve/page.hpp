// GET /: one self-contained page with the model's signature, a form to try a prediction, and live
// figures. It may load and run nothing but what it holds, and ask nobody but this service.
#pragma once

#include <string_view>

#include "http/response.hpp"
#include "serve/served_model.hpp"

namespace iris::serve {

// `version` is the program's.
void write_page(const ServedModel& model, std::string_view version, http::Response& response);

}  // namespace iris::serve
