// The routes of the service port.
#pragma once

#include <atomic>
#include <string>

#include "http/handler.hpp"
#include "serve/answers.hpp"
#include "serve/metrics.hpp"
#include "serve/model_store.hpp"
#include "serve/predict_route.hpp"
#include "serve/v2_routes.hpp"

namespace iris::serve {

// What the routes tell of the service as a whole.
struct ServiceInfo {
  std::string version{};  // of the program
};

// Finds the route, has it answer, counts. One for each thread.
class ServiceRoutes final : public http::Handler {
 public:
  ServiceRoutes(const ModelStore& models, WorkerMetrics& metrics, const std::atomic<bool>& draining,
                const ServiceInfo& info);

  void handle(const http::Request& request, http::Response& response) override;
  void refuse(const http::Fault& fault, http::Response& response) override;

  // Lets go of a model that was replaced; the next request would, too.
  void refresh() { model_.get(); }

 private:
  Outcome answer(const http::Request& request, http::Response& response);

  ModelStore::View model_;
  WorkerMetrics& metrics_;
  const std::atomic<bool>& draining_;
  PredictRoute predict_;
  V2Routes v2_;
};

}  // namespace iris::serve
