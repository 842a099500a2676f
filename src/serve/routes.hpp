// The routes of the service port.
#pragma once

#include <atomic>

#include "http/handler.hpp"
#include "serve/answers.hpp"
#include "serve/metrics.hpp"
#include "serve/model_store.hpp"
#include "serve/predict_route.hpp"

namespace iris::serve {

// Finds the route, has it answer, counts. One for each thread.
class ServiceRoutes final : public http::Handler {
 public:
  ServiceRoutes(const ModelStore& models, WorkerMetrics& metrics,
                const std::atomic<bool>& draining);

  void handle(const http::Request& request, http::Response& response) override;
  void refuse(const http::Fault& fault, http::Response& response) override;

  // Lets go of a model that was replaced; the next request would, too.
  void refresh() { model_.get(); }

 private:
  struct Outcome {
    Route route;
    Refusal refusal;
  };
  Outcome answer(const http::Request& request, http::Response& response);

  ModelStore::View model_;
  WorkerMetrics& metrics_;
  const std::atomic<bool>& draining_;
  PredictRoute predict_;
};

}  // namespace iris::serve
