#include "serve/live_figures.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdint>

namespace iris::serve {

using http::DurationHistogram;

std::string render_live_figures(const std::vector<std::unique_ptr<WorkerMetrics>>& workers,
                                SteadyTime now) {
  std::uint64_t predictions = 0;
  std::uint64_t rows = 0;
  std::uint64_t connections = 0;
  std::uint64_t in_flight = 0;
  std::array<std::uint64_t, DurationHistogram::kBuckets> counts{};
  for (const auto& worker : workers) {
    for (const auto route : {Route::kPredict, Route::kInfer}) {
      for (const auto& count : worker->responses[static_cast<std::size_t>(route)]) {
        predictions += count.value();
      }
    }
    rows += worker->rows.value();
    connections += worker->http.connections.value();
    in_flight += worker->http.in_flight.value();
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += worker->http.duration.bucket(i);
  }
  std::array<std::uint64_t, DurationHistogram::kBuckets - 1> upper_us{};
  for (std::size_t i = 0; i < upper_us.size(); ++i) upper_us[i] = std::uint64_t{1} << i;
  return fmt::format(
      R"({{"time_s":{:.6f},"predictions":{},"rows":{},"connections":{},"in_flight":{},)"
      R"("duration_upper_us":[{}],"duration_counts":[{}]}})",
      to_seconds(now.time_since_epoch()), predictions, rows, connections, in_flight,
      fmt::join(upper_us, ","), fmt::join(counts, ","));
}

}  // namespace iris::serve
