// GET /openapi.json: the contract of the service port as OpenAPI 3.1, with this model's features,
// classes and bounds. What is the same for every model is assets/openapi.json.
#pragma once

#include <string>

#include "serve/served_model.hpp"
#include "serve/service_info.hpp"

namespace iris::serve {

std::string make_openapi(const ServedModel& model, const ServiceInfo& info);

}  // namespace iris::serve
