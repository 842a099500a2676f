// The routes of the service port and of the admin port.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/handler.hpp"
#include "serve/instances.hpp"
#include "serve/metrics.hpp"
#include "serve/served_model.hpp"

namespace iris::serve {

// GET /health, /v2/health/live, /v2/health/ready; POST /predict. One for each thread.
class ServiceRoutes final : public http::Handler {
 public:
  ServiceRoutes(std::shared_ptr<const ServedModel> model, WorkerMetrics& metrics,
                const std::atomic<bool>& draining);

  void handle(const http::Request& request, http::Response& response) override;
  void refuse(const http::Fault& fault, http::Response& response) override;

 private:
  void predict(const http::Request& request, http::Response& response);
  void write_predictions(http::Buffer& out) const;

  const std::shared_ptr<const ServedModel> model_;
  WorkerMetrics& metrics_;
  const std::atomic<bool>& draining_;
  InstancesParser parser_;
  // Kept between requests for their room.
  Instances instances_;
  std::vector<std::uint32_t> labels_;
  std::vector<float> probabilities_;
};

// GET /metrics and the health routes.
class AdminRoutes final : public http::Handler {
 public:
  AdminRoutes(std::function<std::string()> metrics_page, const std::atomic<bool>& draining)
      : metrics_page_(std::move(metrics_page)), draining_(draining) {}

  void handle(const http::Request& request, http::Response& response) override;
  void refuse(const http::Fault& fault, http::Response& response) override;

 private:
  const std::function<std::string()> metrics_page_;
  const std::atomic<bool>& draining_;
};

}  // namespace iris::serve
