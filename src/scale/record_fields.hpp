// The fields of records (docs/records.md) from what was measured.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "load/probe.hpp"
#include "load/wrk.hpp"
#include "scale/control_loop.hpp"
#include "scale/measure.hpp"
#include "scale/outcome.hpp"
#include "scale/records.hpp"

namespace iris::scale {

Record tick_fields(const Tick& tick);
Record event_fields(const char* kind, const std::string& replica, const std::string& message);
Record scale_event_fields(int from, int to, const std::string& message);
// `before` is the sample before this one. Without a probe, or a machine to count `cores` of, their
// figures are null.
Record sample_fields(const Sample& before, const Sample& now,
                     const std::optional<load::ProbeCounts>& probe, std::size_t cores);
Record probe_fields(const std::optional<load::ProbeCounts>& counts);
Record wrk_fields(const load::WrkReport& report);
Record littles_law_fields(const std::optional<LittlesLaw>& law);
Record reconciliation_fields(const Reconciliation& reconciliation);
Record steady_fields(const Span& span);
// The whole load: `answered_per_s` over its duration.
Record whole_fields(const Span& span, double answered_per_s, int replicas_max, std::size_t lost);

// null for none.
template <class T>
Record or_null(const std::optional<T>& value) {
  return value ? Record(*value) : Record(nullptr);
}
// To a sensible number of digits for a file that people read.
double rounded(double value, int digits);

}  // namespace iris::scale
