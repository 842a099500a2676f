#include "serve/metrics.hpp"

#include <gtest/gtest.h>

#include "example_model.hpp"

namespace iris::serve {
namespace {

using namespace std::chrono_literals;

bool has_line(const std::string& page, const std::string& line) {
  return page.find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, SumsTheThreads) {
  std::vector<std::unique_ptr<WorkerMetrics>> workers;
  for (int i = 0; i < 2; ++i) {
    workers.push_back(std::make_unique<WorkerMetrics>());
    workers.back()->http.requests.add(3);
    workers.back()->http.connections.add(2);
    workers.back()->http.connections.subtract();
    workers.back()->http.closed[static_cast<std::size_t>(http::CloseReason::kAge)].add();
    workers.back()->http.duration.record(3us, 2);
    workers.back()->http.duration.record(10s);
    workers.back()->count_response(Route::kPredict, 400);
    workers.back()->count_rejection("width");
    workers.back()->rows.add(7);
  }
  ControlMetrics control;
  control.admin_refused[1].add();
  control.access_log_dropped = 5;
  control.reloads[static_cast<std::size_t>(ReloadResult::kRefused)].add();
  auto model = *example_served_model();
  model.loaded_at = WallTime{1'700'000'000s + 500ms};
  model.load_duration = 2ms;
  const auto page = render_metrics(workers, model, control, "1.2.3");
  for (const char* line : {
           "iris_requests_received_total 6",
           "iris_connections 2",
           "iris_connections_closed_total{reason=\"age\"} 2",
           "iris_responses_total{route=\"predict\",code=\"200\"} 0",
           "iris_responses_total{route=\"predict\",code=\"400\"} 2",
           "iris_rejections_total{reason=\"width\"} 2",
           "iris_rejections_total{reason=\"framing\"} 0",
           "iris_rows_total 14",
           "iris_request_duration_seconds_bucket{le=\"2e-06\"} 0",
           "iris_request_duration_seconds_bucket{le=\"4e-06\"} 4",
           "iris_request_duration_seconds_bucket{le=\"4.194304\"} 4",
           "iris_request_duration_seconds_bucket{le=\"+Inf\"} 6",
           "iris_request_duration_seconds_sum 20.000012",
           "iris_request_duration_seconds_count 6",
           "iris_build_info{version=\"1.2.3\"} 1",
           "iris_model_info{name=\"example\",sha256=\"0123abcd\",features=\"2\",classes=\"2\"} 1",
           "iris_model_loaded_timestamp_seconds 1700000000.5",
           "iris_model_load_duration_seconds 0.002",
           "iris_model_reloads_total{result=\"replaced\"} 0",
           "iris_model_reloads_total{result=\"refused\"} 1",
           "iris_admin_refused_total{reason=\"token_missing\"} 0",
           "iris_admin_refused_total{reason=\"token_wrong\"} 1",
           "iris_access_log_dropped_total 5",
       }) {
    EXPECT_TRUE(has_line(page, line)) << line << "\nis not in\n" << page;
  }
}

// Whatever is counted has a name; what has none must show as a bug.
TEST(Metrics, CountsAnUnknownReasonApart) {
  WorkerMetrics metrics;
  metrics.count_rejection("no such reason");
  EXPECT_EQ(metrics.rejections.back().value(), 1U);
}

TEST(Metrics, PutsADurationIntoTheBucketThatEndsAtIt) {
  http::DurationHistogram histogram;
  for (const auto duration : {-1ns, 0ns, 1000ns}) histogram.record(duration);
  EXPECT_EQ(histogram.bucket(0), 3U);
  histogram.record(1001ns);
  histogram.record(2000ns);
  EXPECT_EQ(histogram.bucket(1), 2U);
  histogram.record(2001ns);
  EXPECT_EQ(histogram.bucket(2), 1U);
}

}  // namespace
}  // namespace iris::serve
