// The routes of the admin port: GET /metrics and the health routes.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "http/handler.hpp"

namespace iris::serve {

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
