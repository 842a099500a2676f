// The routes of the service port.
#pragma once

#include <atomic>
#include <functional>

#include "base/limits.hpp"
#include "http/handler.hpp"
#include "serve/access.hpp"
#include "serve/access_log.hpp"
#include "serve/answers.hpp"
#include "serve/body_decoder.hpp"
#include "serve/metrics.hpp"
#include "serve/model_store.hpp"
#include "serve/phases.hpp"
#include "serve/predict_route.hpp"
#include "serve/service_info.hpp"
#include "serve/v2_routes.hpp"

namespace iris::serve {

// What the routes of one thread work with.
struct RoutesContext {
  const ModelStore& models;
  WorkerMetrics& metrics;  // of this thread
  const std::atomic<bool>& draining;
  const Clock& clock;
  ServiceInfo info{};
  AccessLog* access_log = nullptr;
  double access_log_share = 1;                      // of the requests
  const AccessTokens* tokens = nullptr;             // null: everybody may ask
  std::size_t max_body_bytes = limits::kBodyBytes;  // once decoded
  // Called when the thread has freed what large bodies needed.
  std::function<void()> memory_released{};
};

// Finds the route, has it answer, counts, logs. One for each thread.
class ServiceRoutes final : public http::Handler {
 public:
  explicit ServiceRoutes(const RoutesContext& context);

  void handle(const http::Request& request, http::Response& response) override;
  void refuse(const http::Fault& fault, const http::Request& request,
              http::Response& response) override;
  bool is_vital(std::string_view path) const override { return find_health_route(path) != nullptr; }
  void written(SteadyTime now) override { phases_.written(now); }

  void release_memory() override;

  // Lets go of a model that was replaced; the next request would, too.
  void refresh() { model_.get(); }

 private:
  Outcome answer(const http::Request& request, http::Response& response);
  void log(const http::Request& request, const http::Response& response, const Outcome& outcome);

  const RoutesContext context_;
  WorkerMetrics& metrics_;
  ModelStore::View model_;
  PhaseClock phases_;
  Sampler sampler_;
  AccessCheck access_;
  BodyDecoder decoder_;
  PredictRoute predict_;
  V2Routes v2_;
};

}  // namespace iris::serve
