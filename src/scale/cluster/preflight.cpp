#include "scale/cluster/preflight.hpp"

#include <fmt/ranges.h>

#include <charconv>

#include "scale/cluster/rights.hpp"

namespace iris::scale::cluster {
namespace {

using std::chrono::seconds;
using Kind = kube::KubectlAnswer::Kind;

constexpr Nanoseconds kQuick = seconds(15);
constexpr Version kOldestKubectl{1, 20};
constexpr Version kOldestServer{1, 23};  // the first with autoscaling/v2

std::string without_v(const std::string& version) {
  return version.starts_with("v") ? version.substr(1) : version;
}

std::string first_text(const std::vector<json>& values, const json::json_pointer& at) {
  if (values.empty() || !values.front().contains(at)) return "";
  const auto& value = values.front()[at];
  return value.is_string() ? value.get<std::string>() : "";
}

class Preflight {
 public:
  Preflight(const kube::Kubectl& kubectl, const ClusterPlan& plan, const PlanOptions& options,
            Log& log)
      : kubectl_(kubectl), plan_(plan), options_(options), log_(log) {}

  Result<ClusterFacts> run() {
    if (auto found = find_kubectl(); !found) return tl::unexpected(found.error());
    if (auto found = find_server(); !found) return tl::unexpected(found.error());
    check_apis();
    check_namespace();
    check_rights();
    // Who may not, would only hear so again.
    if (problems_.empty()) check_manifests();
    if (interrupted_) return interrupted_error();
    if (problems_.empty()) return facts_;
    return environment_error("the cluster lacks what the run needs; nothing was changed:\n  - {}",
                             fmt::join(problems_, "\n  - "));
  }

 private:
  template <class... Args>
  void problem(fmt::format_string<Args...> format, Args&&... args) {
    problems_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  kube::KubectlAnswer ask(std::vector<std::string> arguments, std::string input = {}) {
    return seen(kubectl_.run({std::move(arguments), std::move(input), kQuick}));
  }
  kube::KubectlAnswer seen(kube::KubectlAnswer answer) {
    interrupted_ = interrupted_ || answer.kind == Kind::kInterrupted;
    return answer;
  }

  Result<void> find_kubectl() {
    std::vector<json> values;
    const auto answer = kubectl_.read({{"version", "--client", "-o", "json"}, "", kQuick}, values);
    if (answer.kind == Kind::kMissing) {
      return environment_error(
          "{}; install kubectl: apt-get install kubernetes-client, or "
          "https://kubernetes.io/docs/tasks/tools/",
          answer.message);
    }
    if (!answer.ok()) return failed(answer, "kubectl version --client");
    const auto text = first_text(values, "/clientVersion/gitVersion"_json_pointer);
    if (parse_version(text) < kOldestKubectl) {
      return environment_error("expected kubectl {}.{} or newer, found '{}'; install a newer one",
                               kOldestKubectl.major, kOldestKubectl.minor, text);
    }
    facts_.kubectl_version = without_v(text);
    return {};
  }

  // Something other than an answer of the cluster.
  Result<void> failed(const kube::KubectlAnswer& answer, const std::string& what) {
    if (answer.kind == Kind::kInterrupted) {
      return interrupted_error();
    }
    return answer.error(what);
  }

  Result<void> find_server() {
    const auto context = ask({"config", "current-context"});
    if (context.ok()) facts_.context = context.output.substr(0, context.output.find('\n'));
    std::vector<json> values;
    const auto answer = kubectl_.read({{"get", "--raw", "/version"}, "", kQuick}, values);
    const auto named =
        facts_.context.empty() ? "no context" : fmt::format("context '{}'", facts_.context);
    if (answer.kind == Kind::kUnauthorized) {
      return environment_error(
          "{}: the cluster does not accept these credentials: {}; log in again (on GKE: gcloud "
          "container clusters get-credentials NAME)",
          named, answer.message);
    }
    if (!answer.ok() && facts_.context.empty()) {
      return environment_error(
          "kubectl has no current context and reaches no cluster; choose one: kubectl config "
          "get-contexts, then kubectl config use-context NAME ({})",
          answer.message);
    }
    if (!answer.ok()) {
      auto error = failed(answer, fmt::format("{}: cannot reach the cluster", named));
      if (error.error().code == ExitCode::kEnvironment) {
        error.error().message += "; see: kubectl cluster-info, kubectl config get-contexts";
      }
      return error;
    }
    const auto text = first_text(values, "/gitVersion"_json_pointer);
    facts_.server_version = without_v(text);
    log_.info("kubectl {}, {}, Kubernetes {}", facts_.kubectl_version, named,
              facts_.server_version);
    return {};
  }

  void check_apis() {
    const auto answers =
        kubectl_.run_all({{{"get", "--raw", "/apis/autoscaling/v2"}, "", kQuick},
                          {{"get", "--raw", "/apis/metrics.k8s.io/v1beta1"}, "", kQuick}});
    for (const auto& answer : answers) seen(answer);
    if (!answers[0].ok()) {
      problem(
          "no API autoscaling/v2 ({}): the cluster runs Kubernetes {}, {}.{} or newer is needed",
          answers[0].message, facts_.server_version, kOldestServer.major, kOldestServer.minor);
    }
    if (!answers[1].ok()) {
      problem(
          "no metrics ({}): without metrics.k8s.io an HPA sees no CPU; install metrics-server: "
          "kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/"
          "download/components.yaml, and see: kubectl get apiservice v1beta1.metrics.k8s.io",
          answers[1].message);
    }
  }

  void check_namespace() {
    if (options_.own_namespace) return;
    const auto& name = options_.namespace_name;
    const auto answer = ask({"get", "namespace", name, "-o", "name"});
    if (answer.kind != Kind::kNotFound) return;  // whether the user may see it is another question
    problem(
        "--namespace: '{}' does not exist; make it: kubectl create namespace {}, or leave the "
        "flag out for a namespace of the run's own",
        name, name);
  }

  void check_rights() {
    const auto& name = options_.namespace_name;
    const auto missing = missing_rights(kubectl_, rights_needed(plan_, options_), name);
    if (!missing) return problem("{}", missing.error().message);
    if (missing->empty()) return;
    std::vector<std::string> texts;
    for (const auto& right : *missing) texts.push_back(right.text());
    const auto where = options_.own_namespace ? std::string("a namespace of the run's own")
                                              : fmt::format("namespace '{}'", name);
    problem(
        "in {} the user may not: {}; ask the cluster's administrator for these rights, or {}; "
        "check one with: kubectl auth can-i {}{}",
        where, fmt::join(texts, ", "),
        options_.own_namespace ? "give a namespace in which you have them with --namespace"
                               : "choose another namespace",
        texts.front(), options_.own_namespace ? "" : " -n " + name);
  }

  // In a namespace that does not exist yet nothing can be tried, so objects of a run's own
  // namespace are tried in `default`, under names that nobody has.
  void check_manifests() {
    json items = json::array();
    const auto add = [&](json object) {
      auto& metadata = object["metadata"];
      if (options_.own_namespace) {
        metadata["namespace"] = "default";
        metadata["name"] =
            fmt::format("{}-{}", metadata["name"].get<std::string>(), options_.run_id);
      }
      items.push_back(std::move(object));
    };
    for (const auto& object : plan_.objects) add(object);
    for (const auto& scenario : plan_.scenarios) {
      add(scenario.hpa);
      add(scenario.job);
    }
    const json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}};
    const char* verb = options_.own_namespace ? "create" : "apply";
    const auto answer = seen(kubectl_.run(
        {{verb, "--dry-run=server", "-o", "name", "-f", "-"}, list.dump(), seconds(60)}));
    if (!answer.ok() && !interrupted_) {
      problem("the cluster does not take the manifests: {}", answer.message);
    }
  }

  const kube::Kubectl& kubectl_;
  const ClusterPlan& plan_;
  const PlanOptions& options_;
  Log& log_;
  ClusterFacts facts_;
  std::vector<std::string> problems_;
  bool interrupted_ = false;
};

}  // namespace

Version parse_version(const std::string& text) {
  Version version;
  const char* at = text.data() + (text.starts_with("v") ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [dot, code] = std::from_chars(at, end, version.major);
  if (code != std::errc() || dot == end || *dot != '.') return {};
  if (std::from_chars(dot + 1, end, version.minor).ec != std::errc()) return {};
  return version;
}

Result<ClusterFacts> preflight(const kube::Kubectl& kubectl, const ClusterPlan& plan,
                               const PlanOptions& options, Log& log) {
  return Preflight(kubectl, plan, options, log).run();
}

}  // namespace iris::scale::cluster
