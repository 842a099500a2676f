// GET /openapi.json: the contract of the service port as OpenAPI 3.1, with this model's features,
// classes and bounds. What is the same for every model is assets/openapi.json.
#pragma once

#include <string>
#include <string_view>

#include "serve/served_model.hpp"

namespace iris::serve {

// `version` is the program's.
std::string make_openapi(const ServedModel& model, std::string_view version);

}  // namespace iris::serve
