// Which container of a Deployment's pods is the service: a sidecar may stand before it.
#pragma once

#include <optional>
#include <string>

#include "kube/objects.hpp"

namespace iris::scale {

struct ServiceContainer {
  std::size_t index = 0;
  std::string because;  // "the port 8080 of Service iris-api-lb"; empty with one container alone
};

// By the port of the Service that selects the pods, else by the arguments of `iris serve`, else the
// first. `service` may be none.
ServiceContainer find_service_container(const kube::Deployment& deployment,
                                        const std::optional<kube::Service>& service);

}  // namespace iris::scale
