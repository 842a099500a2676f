// POST /predict: the reference's form of request and answer.
#pragma once

#include "http/request.hpp"
#include "http/response.hpp"
#include "serve/answers.hpp"
#include "serve/body_decoder.hpp"
#include "serve/instances.hpp"
#include "serve/metrics.hpp"
#include "serve/predictions.hpp"
#include "serve/served_model.hpp"

namespace iris::serve {

// One for each thread.
class PredictRoute {
 public:
  // Every model that it is asked to answer with has this signature.
  PredictRoute(const model::Signature& signature, WorkerMetrics& metrics, BodyDecoder& decoder)
      : metrics_(metrics), decoder_(decoder), parser_(signature) {}

  Refusal answer(const http::Request& request, const ServedModel& model, PhaseClock& phases,
                 http::Response& response);
  void release_memory() {
    parser_.release_memory();
    instances_ = {};
    predictions_ = {};
  }

 private:
  void write_predictions(const ServedModel& model, http::Buffer& out) const;

  WorkerMetrics& metrics_;
  BodyDecoder& decoder_;
  InstancesParser parser_;
  // Kept between requests for their room.
  Instances instances_;
  Predictions predictions_;
};

}  // namespace iris::serve
