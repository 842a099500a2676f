// What the resource metrics API and the pods' specifications say, per pod: usage and request.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kube/objects.hpp"

namespace iris::scale::hpa {

struct Sample {
  WallTime timestamp;
  Nanoseconds window{};
  std::int64_t usage_milli = 0;
};

// By pod name.
using Samples = std::map<std::string, Sample>;
using Requests = std::map<std::string, std::int64_t>;  // thousandths

// The usage of `resource` by each pod whose metrics have it, of all containers or (`container` not
// empty) of the one named. Source: metrics/client.go getPodMetrics, getContainerMetrics.
Result<Samples> collect_samples(const std::vector<kube::PodMetrics>& metrics,
                                const std::string& resource, const std::string& container);

// The request for `resource` of every pod. A container without one is an error that names it.
// Source: replica_calculator.go calculateRequests.
Result<Requests> collect_requests(const std::vector<kube::Pod>& pods, const std::string& resource,
                                  const std::string& container);

}  // namespace iris::scale::hpa
