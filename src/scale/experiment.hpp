// An experiment: which manifests, which scenarios, for how long. YAML, for example
//
//   title: Autoscaling on and off
//   model: models/model.onnx
//   manifests:
//     deployment: k8s/deployment.yaml
//     scripts: k8s/loadtest/wrk-configmap.yaml
//     cluster: [k8s/service.yaml]       # applied on a cluster beside the others
//   time_scale: 10
//   duration: 20s
//   scenarios:
//     - {name: max3-1000, hpa: k8s/hpa-max3.yaml, load: k8s/loadtest/job-wrk-1000.yaml}
//
// Paths are relative to the folder that the program runs in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kube/objects.hpp"
#include "scale/service_container.hpp"

namespace iris::scale {

// What a scenario promises; a miss is exit status 1.
struct Objective {
  Nanoseconds p99{};  // of the probe, from the intended start, in the steady time
};

struct Scenario {
  std::string name;   // letters, digits, '-', '_' and '.'
  std::string title;  // the name when left out
  bool reference = false;
  std::string hpa_path;
  std::string load_path;
  std::optional<Objective> objective;
  kube::HorizontalPodAutoscaler hpa;
  kube::Job load;
};

// The open-loop client beside wrk.
struct ProbePlan {
  double rate_per_s = 100;
  Nanoseconds timeout = std::chrono::seconds(2);
  std::string body;  // left out: the first line of request.json in the scripts' ConfigMap
};

struct Experiment {
  std::string name;  // the file's, without folder and ending
  std::string title;
  std::string model_path;
  std::string deployment_path;
  std::string scripts_path;
  std::vector<std::string> cluster_paths;  // what only a cluster needs: a Service, policies
  double time_scale = 1;
  std::optional<Nanoseconds> duration;  // of each load; without it, what the Job says
  std::uint16_t port = 0;               // of the service on this machine; 0: any free one
  ProbePlan probe;
  std::vector<Scenario> scenarios;
  kube::Deployment deployment;
  ServiceContainer service;  // of the Deployment's pods

  const kube::Container& service_container() const {
    return deployment.pod.containers[service.index];
  }

  kube::ConfigMap scripts;

  // Every manifest once, in the order of their first use; those that only a cluster needs are not
  // among them.
  std::vector<std::string> manifest_paths() const;
};

// Reads the file and all manifests that it names. Unknown keys are errors; errors name the file and
// the field.
Result<Experiment> load_experiment(const std::string& path);

// The parts of load_experiment without manifests, for tests.
Result<Experiment> parse_experiment(const std::string& text, const std::string& path);

}  // namespace iris::scale
