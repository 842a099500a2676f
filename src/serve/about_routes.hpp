// What the service says of itself: GET / (a page to try the model), /openapi.json, /live.json.
#pragma once

#include <optional>
#include <string_view>

#include "http/request.hpp"
#include "http/response.hpp"
#include "serve/answers.hpp"
#include "serve/served_model.hpp"
#include "serve/service_info.hpp"

namespace iris::serve {

bool is_about_path(std::string_view path);

// None when the path is not one of these. Made anew for each request: they are rare, and cost no
// memory between them.
std::optional<Refusal> answer_about(const http::Request& request, const ServedModel& model,
                                    const ServiceInfo& info, http::Response& response);

}  // namespace iris::serve
