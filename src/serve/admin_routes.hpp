// The routes of the admin port: GET /metrics, POST /v2/repository/models/{model}/load, and the
// health routes.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "http/handler.hpp"
#include "serve/access.hpp"
#include "serve/answers.hpp"
#include "serve/metrics.hpp"
#include "serve/model_store.hpp"
#include "serve/reloader.hpp"

namespace iris::serve {

struct AdminTasks {
  std::function<std::string()> metrics_page;
  // Has the model loaded again and calls back in the admin port's thread; empty where the model
  // did not come from a file.
  std::function<void(Reloader::Done)> reload;
};

class AdminRoutes final : public http::Handler {
 public:
  // Null `tokens`: everybody may ask.
  AdminRoutes(AdminTasks tasks, const ModelStore& models, ControlMetrics& metrics,
              const std::atomic<bool>& draining, const AccessTokens* tokens = nullptr);

  void handle(const http::Request& request, http::Response& response) override;
  void refuse(const http::Fault& fault, const http::Request& request,
              http::Response& response) override;
  bool is_vital(std::string_view path) const override { return find_health_route(path) != nullptr; }

 private:
  void load(const http::Request& request, http::Response& response);

  const AdminTasks tasks_;
  const ModelStore& models_;
  ControlMetrics& metrics_;
  const std::atomic<bool>& draining_;
  AccessCheck access_;
};

}  // namespace iris::serve
