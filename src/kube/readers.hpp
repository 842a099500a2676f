// The readers of each kind, for read.cpp to choose from; everyone else includes read.hpp.
#pragma once

#include "kube/node.hpp"
#include "kube/objects.hpp"

namespace iris::kube {

Metadata read_metadata(const Node& node);
PodSpec read_pod_spec(const Node& node);

void read_into(const Node& root, Deployment& deployment);
void read_into(const Node& root, Service& service);
void read_into(const Node& root, ConfigMap& config_map);
void read_into(const Node& root, Job& job);
void read_into(const Node& root, Pod& pod);
void read_into(const Node& root, PodMetrics& metrics);
void read_into(const Node& root, HorizontalPodAutoscaler& hpa);

}  // namespace iris::kube
