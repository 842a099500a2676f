// The series of a scenario as the page's script draws them (assets/report.js).
#pragma once

#include <nlohmann/json.hpp>

#include "report/records.hpp"

namespace iris::report {

// One array entry a sample in every series; null where nothing was measured. Latencies in
// milliseconds, CPU in milli-CPU, throttling in per cent of the interval's periods.
nlohmann::json chart_data(const Run& run, const Scenario& scenario);

// JSON that is safe inside an HTML script element, whatever its strings hold.
std::string script_safe(const nlohmann::json& data);

}  // namespace iris::report
