#include "scale/hpa/samples.hpp"

#include <algorithm>
#include <optional>

#include "scale/hpa/saturate.hpp"

namespace iris::scale::hpa {
namespace {

std::optional<std::int64_t> milli_of(const kube::ResourceList& list, const std::string& resource) {
  const auto found = list.find(resource);
  if (found == list.end()) return std::nullopt;
  return found->second.milli();
}

// All containers, or nothing when one of them lacks the resource.
std::optional<std::int64_t> pod_usage(const kube::PodMetrics& metrics,
                                      const std::string& resource) {
  if (metrics.containers.empty()) return std::nullopt;
  std::int64_t sum = 0;
  for (const auto& container : metrics.containers) {
    const auto usage = milli_of(container.usage, resource);
    if (!usage) return std::nullopt;
    sum = saturating_add(sum, *usage);
  }
  return sum;
}

// Of the container named, or nothing when the pod's metrics lack it: a pod that is starting, or
// whose container crashes, is one missing metric and not an error.
std::optional<std::int64_t> container_usage(const kube::PodMetrics& metrics,
                                            const std::string& resource,
                                            const std::string& container) {
  const auto found = std::find_if(metrics.containers.begin(), metrics.containers.end(),
                                  [&](const auto& one) { return one.name == container; });
  if (found == metrics.containers.end()) return std::nullopt;
  return milli_of(found->usage, resource);
}

// Pod-level requests, for the resource or, where they leave it out, what the containers need
// together (component-helpers/resource PodRequests).
Result<std::int64_t> pod_level_request(const kube::Pod& pod, const std::string& resource) {
  const std::int64_t overhead = milli_of(pod.spec.overhead, resource).value_or(0);
  if (const auto own = milli_of(pod.spec.resources.requests, resource)) {
    return saturating_add(*own, overhead);
  }
  bool found = false;
  const auto request_of = [&](const kube::Container& container) {
    const auto request = milli_of(container.resources.requests, resource);
    found = found || request.has_value();
    return request.value_or(0);
  };
  std::int64_t running = 0;
  for (const auto& container : pod.spec.containers) {
    running = saturating_add(running, request_of(container));
  }
  // Init containers run one after another, beside the sidecars started before them.
  std::int64_t sidecars = 0;
  std::int64_t starting = 0;
  for (const auto& container : pod.spec.init_containers) {
    const std::int64_t request = request_of(container);
    if (container.restartable) {
      sidecars = saturating_add(sidecars, request);
      starting = std::max(starting, sidecars);
    } else {
      starting = std::max(starting, saturating_add(sidecars, request));
    }
  }
  if (!found) {
    return input_error("missing pod-level request for {} in Pod {}", resource, pod.metadata.name);
  }
  return saturating_add(std::max(saturating_add(running, sidecars), starting), overhead);
}

Result<std::int64_t> container_requests(const kube::Pod& pod, const std::string& resource,
                                        const std::string& container) {
  std::vector<const kube::Container*> containers;
  for (const auto& one : pod.spec.containers) containers.push_back(&one);
  for (const auto& one : pod.spec.init_containers) {
    if (one.restartable) containers.push_back(&one);
  }
  std::int64_t sum = 0;
  bool found = container.empty();
  for (const auto* one : containers) {
    if (!container.empty() && container != one->name) continue;
    found = true;
    const auto request = milli_of(one->resources.requests, resource);
    if (!request) {
      return input_error("missing request for {} in container {} of Pod {}", resource, one->name,
                         pod.metadata.name);
    }
    sum = saturating_add(sum, *request);
  }
  // 1.34 would go on with a request of 0; from 1.35 upstream refuses, and so does this.
  if (!found) return input_error("container {} not found in Pod {}", container, pod.metadata.name);
  return sum;
}

}  // namespace

Result<Samples> collect_samples(const std::vector<kube::PodMetrics>& metrics,
                                const std::string& resource, const std::string& container) {
  if (metrics.empty()) return input_error("no metrics returned from resource metrics API");
  Samples samples;
  for (const auto& pod : metrics) {
    const auto usage =
        container.empty() ? pod_usage(pod, resource) : container_usage(pod, resource, container);
    if (usage) samples[pod.metadata.name] = {pod.timestamp, pod.window, *usage};
  }
  return samples;
}

Result<Requests> collect_requests(const std::vector<kube::Pod>& pods, const std::string& resource,
                                  const std::string& container) {
  Requests requests;
  for (const auto& pod : pods) {
    // A container that the metric names takes precedence over pod-level requests.
    const bool pod_level = container.empty() && !pod.spec.resources.requests.empty();
    const auto request =
        pod_level ? pod_level_request(pod, resource) : container_requests(pod, resource, container);
    if (!request) return tl::unexpected(request.error());
    requests[pod.metadata.name] = *request;
  }
  return requests;
}

}  // namespace iris::scale::hpa
