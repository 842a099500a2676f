#include "scale/service_container.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace iris::scale {
namespace {

bool selects(const kube::Service& service, const kube::Deployment& deployment) {
  const auto& labels = deployment.template_metadata.labels;
  return !service.selector.empty() &&
         std::all_of(service.selector.begin(), service.selector.end(), [&](const auto& wanted) {
           const auto found = labels.find(wanted.first);
           return found != labels.end() && found->second == wanted.second;
         });
}

bool has_port(const kube::Container& container, const kube::PortReference& wanted) {
  return std::any_of(container.ports.begin(), container.ports.end(), [&](const auto& port) {
    return wanted.name.empty() ? port.container_port == wanted.number : port.name == wanted.name;
  });
}

bool serves(const kube::Container& container) {
  const auto& command = container.command;
  return (!container.args.empty() && container.args.front() == "serve") ||
         std::find(command.begin(), command.end(), "serve") != command.end();
}

}  // namespace

ServiceContainer find_service_container(const kube::Deployment& deployment,
                                        const std::optional<kube::Service>& service) {
  const auto& containers = deployment.pod.containers;
  if (containers.size() < 2) return {};
  if (service && selects(*service, deployment)) {
    for (const auto& port : service->ports) {
      for (std::size_t i = 0; i < containers.size(); ++i) {
        if (!has_port(containers[i], port.target_port)) continue;
        const auto& target = port.target_port;
        return {i, fmt::format("the port {} that Service {} leads to",
                               target.name.empty() ? fmt::format("{}", target.number) : target.name,
                               service->metadata.name)};
      }
    }
  }
  for (std::size_t i = 0; i < containers.size(); ++i) {
    if (serves(containers[i])) return {i, "its argument serve"};
  }
  return {0, "its place, the first"};
}

}  // namespace iris::scale
