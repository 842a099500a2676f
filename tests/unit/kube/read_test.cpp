#include "kube/read.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "kube/document.hpp"

namespace iris::kube {
namespace {

using nlohmann::json;

template <class T>
Result<T> read_yaml(std::string_view text) {
  const auto documents = parse_documents(text, "f.yaml");
  if (!documents) return tl::unexpected(documents.error());
  return read<T>(documents->at(0).body, documents->at(0).place);
}

constexpr const char* kDeployment = R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      containers:
        - name: web
          image: web:1
          command: [/bin/web]
          args: ["--port=80"]
          env:
            - {name: MODE, value: fast}
            - {name: SECRET, valueFrom: {secretKeyRef: {name: s, key: k}}}
          ports: [{containerPort: 80}]
          resources: {limits: {cpu: 1, memory: 1Gi}}
          readinessProbe:
            httpGet: {path: /ready, port: 80}
            initialDelaySeconds: 3
          lifecycle: {preStop: {sleep: {seconds: 4}}}
      initContainers:
        - {name: side, restartPolicy: Always, resources: {requests: {cpu: 0.05}}}
        - {name: once}
)";

TEST(Read, ADeploymentWithItsDefaults) {
  const auto deployment = read_yaml<Deployment>(kDeployment);
  ASSERT_TRUE(deployment) << deployment.error().message;
  EXPECT_EQ(deployment->metadata.namespace_name, "shop");
  EXPECT_EQ(deployment->replicas, 1);
  EXPECT_EQ(deployment->pod.termination_grace_period_seconds, 30);
  const auto& web = deployment->pod.containers.at(0);
  EXPECT_EQ(web.command, std::vector<std::string>{"/bin/web"});
  EXPECT_EQ(web.env.at(0).value, "fast");
  EXPECT_EQ(web.env.at(1).value, "");
  // A limit without a request is requested too.
  EXPECT_EQ(web.resources.requests.at("cpu").milli(), 1000);
  ASSERT_TRUE(web.readiness_probe);
  EXPECT_EQ(web.readiness_probe->port.number, 80);
  EXPECT_EQ(web.readiness_probe->initial_delay_seconds, 3);
  EXPECT_EQ(web.readiness_probe->period_seconds, 10);
  EXPECT_EQ(web.readiness_probe->failure_threshold, 3);
  EXPECT_FALSE(web.liveness_probe);
  EXPECT_EQ(web.pre_stop_sleep_seconds, 4);
  ASSERT_EQ(deployment->pod.init_containers.size(), 2u);
  EXPECT_TRUE(deployment->pod.init_containers[0].restartable);
  EXPECT_EQ(deployment->pod.init_containers[0].resources.requests.at("cpu").milli(), 50);
  EXPECT_FALSE(deployment->pod.init_containers[1].restartable);
}

// The error of the deployment above after a change at `pointer` (RFC 6901).
std::string broken(const char* pointer, const json& value) {
  auto body = parse_documents(kDeployment, "f.yaml")->at(0).body;
  body[json::json_pointer(pointer)] = value;
  const auto deployment = read<Deployment>(body, "f.yaml");
  return deployment ? "no error" : deployment.error().message;
}

TEST(Read, ErrorsNameTheFileAndTheField) {
  const std::string container = "f.yaml: spec.template.spec.containers[0].";
  EXPECT_EQ(broken("/spec/template/spec/containers/0/resources/limits/cpu", "abc"),
            container +
                "resources.limits.cpu: expected a quantity such as 250m, 0.5, 128Mi or 1e3, found "
                "\"abc\"");
  EXPECT_EQ(broken("/spec/template/spec/containers/0/resources/limits/cpu", -1),
            container +
                "resources.limits.cpu: expected a quantity that is not negative, found the number "
                "-1");
  EXPECT_EQ(broken("/spec/template/spec/containers/0/env/0/value", true),
            container + "env[0].value: expected a string (quote it), found the boolean true");
  EXPECT_EQ(broken("/spec/template/spec/containers/0/ports/0/containerPort", 70'000),
            container +
                "ports[0].containerPort: expected an integer from 1 to 65535, found the number "
                "70000");
  EXPECT_EQ(broken("/spec/template/spec/containers/0/args", "serve"),
            container + "args: expected a list, found \"serve\"");
  EXPECT_EQ(broken("/spec/template/spec/containers/0/args/0", nullptr),
            container + "args[0]: expected an element, found null");
  EXPECT_EQ(broken("/spec/template/spec/containers", json::array()),
            "f.yaml: spec.template.spec.containers: expected at least one container, found a list");
  EXPECT_EQ(broken("/spec/replicas", "2"),
            "f.yaml: spec.replicas: expected an integer from 0 to 2147483647, found \"2\"");
  EXPECT_EQ(
      broken("/spec/replicas", 1.5),
      "f.yaml: spec.replicas: expected an integer from 0 to 2147483647, found the number 1.5");
  EXPECT_EQ(broken("/spec/replicas", 18446744073709551615u),
            "f.yaml: spec.replicas: expected an integer from 0 to 2147483647, found the number "
            "18446744073709551615");
  EXPECT_EQ(broken("/spec/template/metadata/labels/app", "other"),
            "f.yaml: spec.template.metadata.labels: expected the selector's label app: web");
  EXPECT_EQ(broken("/metadata/name", nullptr),
            "f.yaml: metadata.name: expected a string, found nothing");
  EXPECT_EQ(broken("/kind", "Pod"), "f.yaml: kind: expected Deployment, found \"Pod\"");
  EXPECT_EQ(broken("/apiVersion", "apps/v1beta1"),
            "f.yaml: apiVersion: expected apps/v1, found \"apps/v1beta1\"");
  EXPECT_EQ(broken("/spec/strategy", "whatever"), "no error");
}

TEST(Read, APodWithItsStatus) {
  const auto pod = read_yaml<Pod>(R"(
metadata: {name: a, deletionTimestamp: "2025-01-31T12:00:00Z"}
spec: {containers: [{name: c}], overhead: {cpu: 10m}, resources: {requests: {cpu: 200m}}}
status:
  phase: Running
  startTime: "2025-01-31T11:00:00Z"
  conditions: [{type: Ready, status: "False", lastTransitionTime: "2025-01-31T11:00:09Z"}]
)");
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_EQ(pod->metadata.deletion_timestamp, *parse_rfc3339("2025-01-31T12:00:00Z"));
  EXPECT_EQ(pod->status.phase, PodPhase::kRunning);
  EXPECT_EQ(pod->status.start_time, *parse_rfc3339("2025-01-31T11:00:00Z"));
  ASSERT_EQ(pod->status.conditions.size(), 1u);
  EXPECT_EQ(pod->status.conditions[0].status, ConditionStatus::kFalse);
  EXPECT_EQ(pod->spec.resources.requests.at("cpu").milli(), 200);
  EXPECT_EQ(pod->spec.overhead.at("cpu").milli(), 10);
  const auto wrong = read_yaml<Pod>(
      "--- {metadata: {name: a}, spec: {containers: [{name: c}]}, status: {startTime: yesterday}}");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "f.yaml: status.startTime: expected an RFC 3339 time such as 2025-01-31T12:00:00Z, "
            "found \"yesterday\"");
}

TEST(Read, PodMetrics) {
  const auto metrics = read_yaml<PodMetrics>(R"(
metadata: {name: a}
timestamp: "2025-01-31T12:00:00Z"
window: 14.7s
containers: [{name: c, usage: {cpu: 123456789n, memory: 9000Ki}}]
)");
  ASSERT_TRUE(metrics) << metrics.error().message;
  EXPECT_EQ(metrics->window, std::chrono::milliseconds(14'700));
  EXPECT_EQ(metrics->containers.at(0).usage.at("cpu").milli(), 124);
  const auto wrong = read_yaml<PodMetrics>(
      "--- {metadata: {name: a}, timestamp: 2025-01-31T12:00:00Z, window: 99h}");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "f.yaml: window: expected a duration such as 15s, at most 24h, found \"99h\"");
}

json hpa_body() {
  return parse_documents(R"(
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
)",
                         "f.yaml")
      ->at(0)
      .body;
}

Result<HorizontalPodAutoscaler> hpa_with(const std::function<void(json& spec)>& change) {
  auto body = hpa_body();
  change(body["spec"]);
  return read<HorizontalPodAutoscaler>(body, "f.yaml");
}

TEST(Read, AnAutoscalerHasUpstreamsDefaults) {
  const auto hpa = read<HorizontalPodAutoscaler>(hpa_body(), "f.yaml");
  ASSERT_TRUE(hpa) << hpa.error().message;
  EXPECT_EQ(hpa->min_replicas, 1);
  ASSERT_EQ(hpa->metrics.size(), 1u);
  EXPECT_EQ(hpa->metrics[0].name, "cpu");
  EXPECT_EQ(hpa->metrics[0].target.average_utilization, 80);
  EXPECT_FALSE(hpa->behavior);
}

TEST(Read, ABehaviorKeepsTheDefaultsOfWhatItLeavesOut) {
  const auto hpa = hpa_with([](json& spec) {
    spec["behavior"] = json::parse(
        R"({"scaleDown":{"selectPolicy":"Min","tolerance":"0.05",
            "policies":[{"type":"Pods","value":1,"periodSeconds":60}]}})");
  });
  ASSERT_TRUE(hpa) << hpa.error().message;
  ASSERT_TRUE(hpa->behavior);
  const auto& up = hpa->behavior->scale_up;
  EXPECT_EQ(up.stabilization_window_seconds, 0);
  EXPECT_EQ(up.select_policy, SelectPolicy::kMax);
  ASSERT_EQ(up.policies.size(), 2u);
  EXPECT_EQ(up.policies[0].value, 4);
  EXPECT_EQ(up.policies[0].period_seconds, 15);
  EXPECT_EQ(up.policies[1].type, ScalingPolicy::Type::kPercent);
  EXPECT_EQ(up.policies[1].value, 100);
  const auto& down = hpa->behavior->scale_down;
  EXPECT_FALSE(down.stabilization_window_seconds);
  EXPECT_EQ(down.select_policy, SelectPolicy::kMin);
  EXPECT_EQ(down.tolerance, 0.05);
  ASSERT_EQ(down.policies.size(), 1u);
  EXPECT_EQ(down.policies[0].period_seconds, 60);
}

TEST(Read, EveryTypeOfMetricIsRead) {
  const auto hpa = hpa_with([](json& spec) {
    spec["metrics"] = json::parse(R"([
      {"type":"Resource","resource":
        {"name":"memory","target":{"type":"AverageValue","averageValue":"100Mi"}}},
      {"type":"ContainerResource","containerResource":{"name":"cpu","container":"web",
        "target":{"type":"Utilization","averageUtilization":50}}},
      {"type":"Pods","pods":
        {"metric":{"name":"rps"},"target":{"type":"AverageValue","averageValue":"10"}}},
      {"type":"Object","object":{"metric":{"name":"hits"},
        "describedObject":{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","name":"main"},
        "target":{"type":"Value","value":"1k"}}},
      {"type":"External","external":
        {"metric":{"name":"queue"},"target":{"type":"AverageValue","averageValue":"30"}}}])");
  });
  ASSERT_TRUE(hpa) << hpa.error().message;
  ASSERT_EQ(hpa->metrics.size(), 5u);
  EXPECT_EQ(hpa->metrics[0].target.average_value->value(), 100 << 20);
  EXPECT_EQ(hpa->metrics[1].container, "web");
  EXPECT_EQ(hpa->metrics[2].type, MetricType::kPods);
  EXPECT_EQ(hpa->metrics[3].target.value->value(), 1000);
  EXPECT_EQ(hpa->metrics[4].name, "queue");
}

}  // namespace
}  // namespace iris::kube
