// What a replica says of itself: `GET /metrics` of iris serve.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace iris::scale {

struct ReplicaCounts {
  // Without the health routes: what checks readiness is no load.
  std::uint64_t received = 0;
  std::uint64_t answered = 0;
  std::uint64_t errors = 0;  // answers that were not 2xx
  std::uint64_t connections = 0;
  std::optional<std::uint64_t> cpu_us{};  // since the process began
  std::optional<std::uint64_t> memory_bytes{};
};

// Sums the samples of Prometheus text over their labels. Fails when one of the first four is
// missing.
Result<ReplicaCounts> read_counts(const std::string& metrics);

}  // namespace iris::scale
