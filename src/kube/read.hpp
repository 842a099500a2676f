// Kubernetes objects from files and from JSON.
//
//   const auto deployment = kube::load<kube::Deployment>("k8s/deployment.yaml");
//   if (!deployment) …  // k8s/deployment.yaml:
//   spec.template.spec.containers[0].resources.limits.cpu:
//                       // expected a quantity, found "abc"
//
// One path for both notations: YAML becomes JSON (document.hpp), and typed readers name the field
// in every error. Fields that iris does not use are ignored.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "kube/objects.hpp"

namespace iris::kube {

// T is Deployment, Service, HorizontalPodAutoscaler, ConfigMap, Job, Pod or PodMetrics.

// The object in `value`; `place` (a file, or a field's path such as "pods[0]") begins each error.
// `kind` and `apiVersion` are checked when one of them is there: a list's items need not repeat
// them. A HorizontalPodAutoscaler may be of autoscaling/v1 or v2, and must be one that the API
// server takes: what it would refuse is refused in its words ("… is invalid: spec.maxReplicas: …").
template <class T>
Result<T> read(const nlohmann::json& value, std::string_view place);

// The one object of kind T in a YAML or JSON file; objects of other kinds beside it are ignored.
template <class T>
Result<T> load(const std::string& path);

}  // namespace iris::kube
