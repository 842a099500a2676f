// What is counted while serving, and its text for Prometheus (exposition format 0.0.4). The names
// are part of the contract: tests/golden/metrics.txt holds them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/counters.hpp"
#include "serve/phases.hpp"
#include "serve/served_model.hpp"

namespace iris::serve {

enum class Route { kPredict, kInfer, kModel, kHealth, kPage, kOther };
inline constexpr std::array<std::string_view, 6> kRouteNames = {"predict", "infer", "model",
                                                                "health",  "page",  "other"};

inline constexpr std::array kStatusCodes = {200, 400, 401, 404, 405, 408, 413,
                                            415, 429, 431, 500, 501, 503};

// What came of loading the model again.
enum class ReloadResult { kReplaced, kUnchanged, kRefused };
inline constexpr std::array<std::string_view, 3> kReloadResultNames = {"replaced", "unchanged",
                                                                       "refused"};
using ReloadCounters = std::array<http::Counter, kReloadResultNames.size()>;

// Why the admin port refused a request.
inline constexpr std::array<std::string_view, 2> kAccessReasons = {"token_missing", "token_wrong"};

// What is counted beside the workers, each by one thread.
struct ControlMetrics {
  ReloadCounters reloads;
  std::array<http::Counter, kAccessReasons.size()> admin_refused;
  std::uint64_t access_log_dropped = 0;
  std::uint64_t access_log_failures = 0;
  std::uint64_t log_lines_dropped = 0;
};

// Why requests were refused. The last stands for what is not in the list, which is a bug.
inline constexpr auto kRejectionReasons = std::to_array<std::string_view>(
    {"admission",    "binary_size", "body_too_large", "connections", "content_coding",
     "datatype",     "draining",    "feature",        "framing",     "header_too_large",
     "json_depth",   "json_syntax", "json_type",      "media_type",  "memory",
     "method",       "model",       "number_range",   "output",      "parameter",
     "read_timeout", "route",       "rows",           "shape",       "token_missing",
     "token_wrong",  "width",       "unknown"});

// One thread's counts; it alone writes them.
struct alignas(64) WorkerMetrics {
  http::Counters http;
  std::array<std::array<http::Counter, kStatusCodes.size()>, kRouteNames.size()> responses;
  std::array<http::Counter, kRejectionReasons.size()> rejections;
  http::Counter rows;
  PhaseDurations predict_phases;
  PhaseDurations infer_phases;

  void count_response(Route route, int status);
  void count_rejection(std::string_view reason);
};

// The sum over all threads as text.
std::string render_metrics(const std::vector<std::unique_ptr<WorkerMetrics>>& workers,
                           const ServedModel& model, const ControlMetrics& control,
                           std::string_view version);

}  // namespace iris::serve
