#include "scale/cluster/manifests.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "kube/document.hpp"
#include "scale/command_line.hpp"
#include "scale/load_command.hpp"

namespace iris::scale::cluster {
namespace {

constexpr std::array<Resource, 8> kResources = {
    {{"Deployment", "apps", "deployments"},
     {"ConfigMap", "", "configmaps"},
     {"Service", "", "services"},
     {"ServiceAccount", "", "serviceaccounts"},
     {"NetworkPolicy", "networking.k8s.io", "networkpolicies"},
     {"PodDisruptionBudget", "policy", "poddisruptionbudgets"},
     {"HorizontalPodAutoscaler", "autoscaling", "horizontalpodautoscalers"},
     {"Job", "batch", "jobs"}}};

// What a Job needs beside its load: the image's pull, the pod's start, wrk's own end.
constexpr std::int64_t kJobOverhead_s = 120;
// Of a load whose command is not read here and whose Job sets no deadline.
constexpr std::int64_t kUnreadDuration_s = 600;

// nlohmann's operator[] of a const value has no default; manifests have been read as typed objects
// before, so what is looked for here is there unless it is optional.
std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

class Planner {
 public:
  Planner(const Experiment& experiment, const PlanOptions& options)
      : experiment_(experiment), options_(options) {}

  Result<ClusterPlan> plan() {
    plan_.namespace_object = {
        {"apiVersion", "v1"},
        {"kind", "Namespace"},
        {"metadata",
         {{"name", options_.namespace_name},
          {"labels",
           {{"app.kubernetes.io/managed-by", "iris-scale"}, {kRunLabel, options_.run_id}}}}}};
    std::vector<std::string> paths = {experiment_.deployment_path, experiment_.scripts_path};
    paths.insert(paths.end(), experiment_.cluster_paths.begin(), experiment_.cluster_paths.end());
    for (const auto& path : paths) {
      auto objects = read(path);
      if (!objects) return tl::unexpected(objects.error());
      for (auto& object : *objects) {
        if (text_of(object, "kind") == "Deployment") adapt_deployment(object);
        if (text_of(object, "kind") == "Service") adapt_service(object);
        plan_.objects.push_back(std::move(object));
      }
    }
    for (const auto& scenario : experiment_.scenarios) {
      if (auto added = add(scenario); !added) return tl::unexpected(added.error());
    }
    return std::move(plan_);
  }

 private:
  // All objects of a file, in the run's namespace and with its labels.
  Result<std::vector<json>> read(const std::string& path) {
    auto documents = kube::read_documents(path);
    if (!documents) return tl::unexpected(documents.error());
    std::vector<json> objects;
    for (auto& document : *documents) {
      const auto kind = document.body.is_object() ? text_of(document.body, "kind") : "";
      const auto known = std::find_if(kResources.begin(), kResources.end(),
                                      [&](const Resource& entry) { return entry.kind == kind; });
      if (kind == "Namespace") {  // the run has its own, of the same kind, or is given one
        const auto labels = document.body.value("/metadata/labels"_json_pointer, json::object());
        plan_.namespace_object["metadata"]["labels"].update(labels);
        continue;
      }
      if (known == kResources.end()) {
        std::string kinds;
        for (const auto& entry : kResources)
          kinds += (kinds.empty() ? "" : ", ") + std::string(entry.kind);
        return input_error("{}: kind: '{}' is none that a run can make and undo; they are {}",
                           document.place, kind, kinds);
      }
      if (!document.body.contains("metadata") || !document.body["metadata"].is_object() ||
          text_of(document.body["metadata"], "name").empty()) {
        return input_error("{}: metadata.name: expected a name, found none", document.place);
      }
      need(*known);
      place(document.body);
      objects.push_back(std::move(document.body));
    }
    return objects;
  }

  void need(const Resource& resource) {
    const auto same = [&](const Resource& entry) { return entry.kind == resource.kind; };
    if (std::none_of(plan_.resources.begin(), plan_.resources.end(), same)) {
      plan_.resources.push_back(resource);
    }
  }

  void place(json& object) const {
    auto& metadata = object["metadata"];
    metadata["namespace"] = options_.namespace_name;
    metadata["labels"]["app.kubernetes.io/managed-by"] = "iris-scale";
    metadata["labels"][kRunLabel] = options_.run_id;
  }

  void adapt_deployment(json& deployment) {
    auto& container =
        deployment["spec"]["template"]["spec"]["containers"][experiment_.service.index];
    if (!options_.image.empty()) container["image"] = options_.image;
    // The counts are read through the API server, which reaches the pod's address only.
    auto args = container.value("args", std::vector<std::string>{});
    if (Flag host(args, "--admin-host"); !host.found()) host.set("0.0.0.0");
    if (const Flag port(args, "--admin-port"); port.found()) plan_.admin_port = port.value();
    container["args"] = args;
    plan_.deployment = deployment;
  }

  // A run's own Service is called from within: a load balancer would cost money and be public.
  void adapt_service(json& service) const {
    if (options_.own_namespace && text_of(service["spec"], "type") == "LoadBalancer") {
      service["spec"]["type"] = "ClusterIP";
    }
  }

  Result<void> add(const Scenario& scenario) {
    ScenarioPlan plan;
    const auto take = [&](const std::string& path, const char* kind, json& into) -> Result<void> {
      auto objects = read(path);
      if (!objects) return tl::unexpected(objects.error());
      for (auto& object : *objects) {
        if (text_of(object, "kind") == kind) into = std::move(object);
      }
      return {};
    };
    if (auto taken = take(scenario.hpa_path, "HorizontalPodAutoscaler", plan.hpa); !taken) {
      return taken;
    }
    if (auto taken = take(scenario.load_path, "Job", plan.job); !taken) return taken;
    if (auto adapted = adapt_job(scenario, plan); !adapted) return adapted;
    plan_.scenarios.push_back(std::move(plan));
    return {};
  }

  Result<void> adapt_job(const Scenario& scenario, ScenarioPlan& plan) const {
    const auto command =
        read_load_command(scenario.load.pod, experiment_.scripts, scenario.load_path);
    plan.job_argv = command.job_argv;
    plan.load_container = command.container;
    auto& spec = plan.job["spec"];
    auto& container = spec["template"]["spec"]["containers"][command.container];
    plan.wrk = command.wrk;
    if (command.unreadable) {
      // The cluster can run what is not read here.
      plan.unread = command.unreadable->message;
      plan.wrk.connections = 0;
      plan.wrk.duration =
          std::chrono::seconds(scenario.load.active_deadline_seconds.value_or(kUnreadDuration_s));
    } else {
      if (experiment_.duration) plan.wrk.duration = *experiment_.duration;
      set_command(container, command.manifest_argv(plan.wrk.duration), command.job_argv.front());
    }
    if (!options_.load_image.empty()) container["image"] = options_.load_image;
    const auto duration_s =
        std::chrono::ceil<std::chrono::seconds>(plan.wrk.duration).count() + kJobOverhead_s;
    spec["activeDeadlineSeconds"] =
        std::max(scenario.load.active_deadline_seconds.value_or(0), duration_s);
    plan.job["metadata"]["name"] =
        fmt::format("{}-{}", scenario.load.metadata.name, options_.run_id);
    spec["template"]["metadata"]["labels"][kRunLabel] = options_.run_id;
    return {};
  }

  // wrk alone, by the name that the manifest has for it; without a command, the image has its own.
  static void set_command(json& container, std::vector<std::string> argv,
                          const std::string& program) {
    const bool named = program.substr(program.rfind('/') + 1) == "wrk";
    if (named) argv.front() = program;
    const bool has_command = container.contains("command") && !container["command"].empty();
    if (has_command) container["command"] = {argv.front()};
    if (has_command || !named) argv.erase(argv.begin());
    container["args"] = argv;
  }

  const Experiment& experiment_;
  const PlanOptions& options_;
  ClusterPlan plan_;
};

}  // namespace

Result<ClusterPlan> plan_cluster(const Experiment& experiment, const PlanOptions& options) {
  return Planner(experiment, options).plan();
}

std::string name_of(const json& object) {
  return text_of(object, "kind") + " " + text_of(object["metadata"], "name");
}

}  // namespace iris::scale::cluster
