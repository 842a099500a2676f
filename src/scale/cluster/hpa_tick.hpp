// A tick record from what the cluster's own HPA says of its last sync.
#pragma once

#include <cstdint>
#include <optional>

#include "kube/status.hpp"
#include "scale/cluster/watch.hpp"
#include "scale/records.hpp"

namespace iris::scale::cluster {

// `snapshot.hpa` must be there. What the controller keeps to itself (the stabilized value) is null;
// what it proposed is computed by its own rule from the utilization and the replicas that it saw,
// as if all of them were ready. Source: pkg/controller/podautoscaler/horizontal.go (reasons),
// replica_calculator.go (the proposal).
Record hpa_tick(const Snapshot& snapshot, std::optional<std::int32_t> target_percent);

// Whether there is news: the controller writes a status only when something changed.
bool same_status(const kube::HpaStatus& a, const kube::HpaStatus& b);

}  // namespace iris::scale::cluster
