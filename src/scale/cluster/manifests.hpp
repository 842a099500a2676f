// From an experiment to the objects that a cluster is given: the manifests' own objects, with what
// a run has to say over them (namespace, labels, images, the load's duration) and nothing else
// changed.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "load/wrk.hpp"
#include "scale/experiment.hpp"

namespace iris::scale::cluster {

using nlohmann::json;

struct PlanOptions {
  std::string run_id;          // of this run: letters and digits, goes into names and a label
  std::string namespace_name;  // where everything goes
  bool own_namespace = true;   // it is made for this run
  std::string image{};         // of the Deployment; empty: as the manifest has it
  std::string load_image{};    // of the Jobs; empty: as the manifest has it
};

// One kind that a run makes, as the API server names it.
struct Resource {
  const char* kind;
  const char* group;
  const char* plural;
};

struct ScenarioPlan {
  json hpa;
  json job;  // its name ends in the run's id, so that it never meets another Job
  load::WrkOptions wrk;
  std::vector<std::string> job_argv;  // as the manifest has it
  std::size_t load_container = 0;     // of the Job's pod
  // Why the Job's command was left as it is; empty when it was read. Then `wrk` has no connections,
  // and the longest that the Job may run.
  std::string unread;
};

struct ClusterPlan {
  std::vector<json> objects;            // Deployment, ConfigMap, Service, …: applied once
  std::vector<ScenarioPlan> scenarios;  // of all scenarios of the experiment, in their order
  std::vector<Resource> resources;      // every kind above, once
  json namespace_object;                // the run's own namespace
  json deployment;                      // the one that is scaled, of `objects`
  std::string admin_port = "9090";      // where the pods' /metrics is
};

// The label that everything a run makes carries, with its id as the value.
inline constexpr const char* kRunLabel = "app.kubernetes.io/instance";

// Reads the manifests anew, whole: typed objects hold only what iris uses. Errors name the file.
Result<ClusterPlan> plan_cluster(const Experiment& experiment, const PlanOptions& options);

// "Deployment iris-api"
std::string name_of(const json& object);

}  // namespace iris::scale::cluster
