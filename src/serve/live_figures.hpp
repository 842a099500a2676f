// GET /live.json: the few counts of which the page at / makes requests a second and latencies. Two
// looks give rates; the full metrics are on the admin port.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "serve/metrics.hpp"

namespace iris::serve {

std::string render_live_figures(const std::vector<std::unique_ptr<WorkerMetrics>>& workers,
                                SteadyTime now);

}  // namespace iris::serve
