// The answer of POST /v2/models/{m}/infer.
#pragma once

#include "http/response.hpp"
#include "serve/predictions.hpp"
#include "serve/served_model.hpp"
#include "serve/v2_request.hpp"

namespace iris::serve {

// JSON, or JSON with binary tensors behind it where the request wants one.
void write_v2_answer(const ServedModel& model, const V2Request& request,
                     const Predictions& predictions, http::Response& response);

}  // namespace iris::serve
