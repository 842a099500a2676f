// The routes of the Open Inference Protocol V2 but for its health routes:
//
//   GET  /v2, /v2/                                  the server
//   GET  /v2/models/{m}[/versions/{v}]              the model
//   GET  /v2/models/{m}[/versions/{v}]/ready
//   POST /v2/models/{m}[/versions/{v}]/infer
#pragma once

#include <string>
#include <string_view>

#include "http/request.hpp"
#include "http/response.hpp"
#include "serve/answers.hpp"
#include "serve/body_decoder.hpp"
#include "serve/metrics.hpp"
#include "serve/predictions.hpp"
#include "serve/served_model.hpp"
#include "serve/v2_request.hpp"

namespace iris::serve {

// Whether the path is one of V2's; health routes are to be looked for first.
inline bool is_v2_path(std::string_view path) {
  return path.starts_with("/v2/") || path == "/v2";
}

// One for each thread.
class V2Routes {
 public:
  // What answers depend on beside the request and the model.
  struct Conditions {
    bool draining = false;
    bool admitted = true;  // the client has the token, or none is asked for: it may know names
  };

  // Every model that it is asked to answer with has this signature.
  V2Routes(const model::Signature& signature, WorkerMetrics& metrics, BodyDecoder& decoder,
           std::string_view version);

  Outcome answer(const http::Request& request, const ServedModel& model,
                 const Conditions& conditions, PhaseClock& phases, http::Response& response);

  // What a request of this path, one of V2's, is counted with.
  static Route route_of(std::string_view path);

  void release_memory() {
    parser_.release_memory();
    request_ = {};
    predictions_ = {};
  }

 private:
  Refusal infer(const http::Request& request, const ServedModel& model, PhaseClock& phases,
                http::Response& response);

  WorkerMetrics& metrics_;
  BodyDecoder& decoder_;
  const std::string server_;  // the answer of GET /v2
  V2RequestParser parser_;
  // Kept between requests for their room.
  V2Request request_;
  Predictions predictions_;
};

}  // namespace iris::serve
