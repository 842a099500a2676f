// What the API server refuses of a HorizontalPodAutoscaler, in its words. The expected texts are
// those of ValidateHorizontalPodAutoscaler of Kubernetes 1.34, printed by that function itself.
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "kube/read.hpp"

namespace iris::kube {
namespace {

using nlohmann::json;

json valid() {
  return json::parse(R"({
    "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
             "minReplicas": 1, "maxReplicas": 5}})");
}

// What reading the valid object says after `change`.
std::string said(const std::function<void(json&)>& change) {
  json object = valid();
  change(object);
  const auto hpa = read<HorizontalPodAutoscaler>(object, "f.yaml");
  return hpa ? "ok" : hpa.error().message;
}

std::string said_with(const char* pointer, const json& value) {
  return said([&](json& object) { object[json::json_pointer(pointer)] = value; });
}

std::string said_of_metric(const char* metric) {
  return said_with("/spec/metrics/0", json::parse(metric));
}

std::string invalid(const std::string& what) {
  return "f.yaml: HorizontalPodAutoscaler.autoscaling \"web\" is invalid: " + what;
}

TEST(RefusedAutoscaler, Replicas) {
  EXPECT_EQ(said([](json&) {}), "ok");
  EXPECT_EQ(said_with("/spec/maxReplicas", 0),
            invalid("[spec.maxReplicas: Invalid value: 0: must be greater than 0, "
                    "spec.maxReplicas: Invalid value: 0: must be greater than or equal to "
                    "`minReplicas`]"));
  EXPECT_EQ(said_with("/spec/minReplicas", 9),
            invalid("spec.maxReplicas: Invalid value: 5: must be greater than or equal to "
                    "`minReplicas`"));
  EXPECT_EQ(said_with("/spec/minReplicas", -1),
            invalid("spec.minReplicas: Invalid value: -1: must be greater than or equal to 0"));
  EXPECT_EQ(said_with("/spec/minReplicas", nullptr), "ok");
}

TEST(RefusedAutoscaler, ZeroReplicasNeedAMetricFromOutside) {
  EXPECT_EQ(said_with("/spec/minReplicas", 0),
            invalid("spec.metrics: Forbidden: must specify at least one Object or External metric "
                    "to support scaling to zero replicas"));
  EXPECT_EQ(said([](json& object) {
              object["spec"]["minReplicas"] = 0;
              object["spec"]["metrics"] = json::parse(R"([{"type": "External", "external":
                {"metric": {"name": "queue"}, "target": {"type": "Value", "value": 3}}}])");
            }),
            "ok");
}

TEST(RefusedAutoscaler, NamesAndReferences) {
  EXPECT_EQ(said_with("/metadata", json::object()),
            "f.yaml: HorizontalPodAutoscaler.autoscaling \"\" is invalid: metadata.name: Required "
            "value: name or generateName is required");
  EXPECT_EQ(said_with("/spec/scaleTargetRef", json::object()),
            invalid("[spec.scaleTargetRef.kind: Required value, spec.scaleTargetRef.name: Required "
                    "value, spec.scaleTargetRef.apiVersion: Invalid value: \"\": apiVersion must "
                    "specify API group]"));
  EXPECT_EQ(said_with("/spec/scaleTargetRef/name", "a/b"),
            invalid("spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'"));
  EXPECT_EQ(said_with("/spec/scaleTargetRef/name", ".."),
            invalid("spec.scaleTargetRef.name: Invalid value: \"..\": may not be '..'"));
  EXPECT_EQ(said_with("/spec/scaleTargetRef/apiVersion", "v1"),
            invalid("spec.scaleTargetRef.apiVersion: Invalid value: \"v1\": apiVersion must "
                    "specify API group"));
  EXPECT_EQ(said([](json& object) {
              auto& target = object["spec"]["scaleTargetRef"];
              target["kind"] = "ReplicationController";
              target["apiVersion"] = "v1";
            }),
            "ok");
  EXPECT_EQ(said_with("/spec/scaleTargetRef/apiVersion", "a/b/c"),
            invalid("spec.scaleTargetRef.apiVersion: Invalid value: \"a/b/c\": unexpected "
                    "GroupVersion string: a/b/c"));
}

TEST(RefusedAutoscaler, MetricTargets) {
  const auto resource = [](const std::string& target) {
    return said_of_metric(
        (R"({"type": "Resource", "resource": {"name": "cpu", "target": )" + target + "}}").c_str());
  };
  const std::string at = "spec.metrics[0].resource.target";
  EXPECT_EQ(resource(R"({"type": "Utilization", "averageUtilization": 50})"), "ok");
  EXPECT_EQ(resource(R"({"averageUtilization": 50})"),
            invalid("[" + at + ".type: Required value: must specify a metric target type, " + at +
                    ".type: Invalid value: \"\": must be either Utilization, Value, or "
                    "AverageValue]"));
  EXPECT_EQ(resource(R"({"type": "Percent", "averageUtilization": 50})"),
            invalid(at + ".type: Invalid value: \"Percent\": must be either Utilization, Value, or "
                         "AverageValue"));
  EXPECT_EQ(resource(R"({"type": "Utilization"})"),
            invalid(at + ".averageUtilization: Required value: must set either a target raw value "
                         "or a target utilization"));
  EXPECT_EQ(resource(R"({"type": "Utilization", "averageUtilization": 0})"),
            invalid(at + ".averageUtilization: Invalid value: 0: must be greater than 0"));
  EXPECT_EQ(resource(R"({"type": "AverageValue", "averageValue": "-0.1"})"),
            invalid(at + ".averageValue: Invalid value: \"-100m\": must be positive"));
  EXPECT_EQ(resource(R"({"type": "Value", "value": 0, "averageValue": 1})"),
            invalid(at + ".value: Invalid value: \"0\": must be positive"));
  EXPECT_EQ(
      resource(R"({"type": "Utilization", "averageUtilization": 50, "averageValue": "100m"})"),
      invalid(at + ".averageValue: Forbidden: may not set both a target raw value and a target "
                   "utilization"));
}

TEST(RefusedAutoscaler, MetricSources) {
  EXPECT_EQ(said_of_metric("{}"),
            invalid("[spec.metrics[0].type: Required value: must specify a metric source type, "
                    "spec.metrics[0].type: Unsupported value: \"\": supported values: "
                    "\"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\"]"));
  EXPECT_EQ(said_of_metric(R"({"type": "Pods"})"),
            invalid("spec.metrics[0].pods: Required value: must populate information for the given "
                    "metric source"));
  const char* two = R"({"type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": 1}}})";
  EXPECT_EQ(said_of_metric(two), invalid("spec.metrics[0].external: Forbidden: must populate the "
                                         "given metric source only"));
  EXPECT_EQ(said_of_metric(R"({"type": "Pods", "pods": {"metric": {"name": "rps"},
                                "target": {"type": "Value", "value": 1}}})"),
            invalid("spec.metrics[0].pods.target.averageValue: Required value: must specify a "
                    "positive target averageValue"));
  EXPECT_EQ(said_of_metric(R"({"type": "External", "external": {"metric": {"name": "q"},
                                "target": {"type": "Value", "value": 1, "averageValue": 1}}})"),
            invalid("spec.metrics[0].external.target.value: Forbidden: may not set both a target "
                    "value for metric and a per-pod target"));
  EXPECT_EQ(said_of_metric(R"({"type": "Object", "object": {"metric": {},
                                "describedObject": {"kind": "Ingress", "name": "main"},
                                "target": {"type": "Value"}}})"),
            invalid("[spec.metrics[0].object.metric.name: Required value: must specify a metric "
                    "name, spec.metrics[0].object.target.averageValue: Required value: must set "
                    "either a target value or averageValue]"));
}

TEST(RefusedAutoscaler, ContainerResources) {
  const auto container = [](const std::string& names) {
    return said_of_metric((R"({"type": "ContainerResource", "containerResource": {)" + names +
                           R"(, "target": {"type": "Utilization", "averageUtilization": 50}}})")
                              .c_str());
  };
  const std::string at = "spec.metrics[0].containerResource";
  EXPECT_EQ(container(R"("name": "cpu", "container": "web")"), "ok");
  EXPECT_EQ(container(R"("name": "example.com/gpu", "container": "web")"), "ok");
  EXPECT_EQ(container(R"("name": "cpu")"),
            invalid(at + ".container: Required value: must specify a container"));
  EXPECT_EQ(container(R"("container": "web")"),
            invalid(at + ".name: Required value: must specify a resource name"));
  EXPECT_EQ(container(R"("name": "cpu", "container": "a.b")"),
            invalid(at + ".container: Invalid value: \"a.b\": must not contain dots"));
  EXPECT_EQ(container(R"("name": "cpus", "container": "web")"),
            invalid("[" + at +
                    ".name: Invalid value: \"cpus\": must be a standard resource type "
                    "or fully qualified, " +
                    at +
                    ".name: Invalid value: \"cpus\": must be a "
                    "standard resource for containers]"));
}

TEST(RefusedAutoscaler, Behavior) {
  const std::string at = "spec.behavior.scaleUp";
  const auto policy = [](const char* text) {
    return said_with("/spec/behavior/scaleUp/policies", json::array({json::parse(text)}));
  };
  EXPECT_EQ(said_with("/spec/behavior", json::object()), "ok");
  EXPECT_EQ(said_with("/spec/behavior/scaleUp/policies", json::array()),
            invalid(at + ".policies: Required value: must specify at least one Policy"));
  EXPECT_EQ(said_with("/spec/behavior/scaleUp/selectPolicy", "Most"),
            invalid(at + ".selectPolicy: Unsupported value: \"Most\": supported values: "
                         "\"Disabled\", \"Max\", \"Min\""));
  EXPECT_EQ(said_with("/spec/behavior/scaleUp/stabilizationWindowSeconds", 3601),
            invalid(at + ".stabilizationWindowSeconds: Invalid value: 3601: must be less than or "
                         "equal to 3600"));
  EXPECT_EQ(said_with("/spec/behavior/scaleUp/stabilizationWindowSeconds", -1),
            invalid(at + ".stabilizationWindowSeconds: Invalid value: -1: must be greater than or "
                         "equal to zero"));
  EXPECT_EQ(said_with("/spec/behavior/scaleDown/tolerance", "-0.05"),
            invalid("spec.behavior.scaleDown.tolerance: Invalid value: \"-50m\": must be greater "
                    "than or equal to 0"));
  EXPECT_EQ(policy(R"({"type": "Pods", "value": 0, "periodSeconds": 15})"),
            invalid(at + ".policies[0].value: Invalid value: 0: must be greater than zero"));
  EXPECT_EQ(policy(R"({"type": "Pods", "value": 1, "periodSeconds": 0})"),
            invalid(at + ".policies[0].periodSeconds: Invalid value: 0: must be greater than "
                         "zero"));
  EXPECT_EQ(policy(R"({"type": "Pods", "value": 1, "periodSeconds": 1801})"),
            invalid(at + ".policies[0].periodSeconds: Invalid value: 1801: must be less than or "
                         "equal to 1800"));
  EXPECT_EQ(policy(R"({"type": "Pod", "value": 1, "periodSeconds": 15})"),
            invalid(at + ".policies[0].type: Unsupported value: \"Pod\": supported values: "
                         "\"Percent\", \"Pods\""));
}

TEST(RefusedAutoscaler, KindAndVersionComeTogether) {
  EXPECT_EQ(said([](json& object) { object.erase("apiVersion"); }), "f.yaml: apiVersion not set");
  EXPECT_EQ(said([](json& object) { object.erase("kind"); }), "f.yaml: kind not set");
  // An item of a list says neither.
  EXPECT_EQ(said([](json& object) {
              object.erase("kind");
              object.erase("apiVersion");
            }),
            "ok");
  EXPECT_EQ(said_with("/apiVersion", "autoscaling/v2beta2"),
            "f.yaml: apiVersion: expected autoscaling/v2 or autoscaling/v1, found "
            "\"autoscaling/v2beta2\"");
}

json version_1() {
  json object = valid();
  object["apiVersion"] = "autoscaling/v1";
  object["spec"]["targetCPUUtilizationPercentage"] = 70;
  return object;
}

TEST(AutoscalerOfV1, ItsPercentageIsACpuMetric) {
  const auto hpa = read<HorizontalPodAutoscaler>(version_1(), "f.yaml");
  ASSERT_TRUE(hpa) << hpa.error().message;
  ASSERT_EQ(hpa->metrics.size(), 1u);
  EXPECT_EQ(hpa->metrics[0].type, MetricType::kResource);
  EXPECT_EQ(hpa->metrics[0].name, "cpu");
  EXPECT_EQ(hpa->metrics[0].target.average_utilization, 70);
  EXPECT_FALSE(hpa->behavior);
}

TEST(AutoscalerOfV1, WithoutAPercentageItIs80) {
  json object = version_1();
  object["spec"].erase("targetCPUUtilizationPercentage");
  const auto hpa = read<HorizontalPodAutoscaler>(object, "f.yaml");
  ASSERT_TRUE(hpa) << hpa.error().message;
  EXPECT_EQ(hpa->metrics[0].target.average_utilization, 80);
}

TEST(AutoscalerOfV1, WhatItCannotSayIsRefusedRatherThanOverlooked) {
  const auto said_of = [](const json& object) {
    const auto hpa = read<HorizontalPodAutoscaler>(object, "f.yaml");
    return hpa ? std::string("ok") : hpa.error().message;
  };
  json percentage = version_1();
  percentage["spec"]["targetCPUUtilizationPercentage"] = 0;
  EXPECT_EQ(said_of(percentage),
            invalid("spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be "
                    "greater than 0"));
  json newer = version_1();
  newer["spec"]["metrics"] = json::array();
  EXPECT_EQ(said_of(newer), "f.yaml: strict decoding error: unknown field \"spec.metrics\"");
  EXPECT_EQ(said_with("/spec/targetCPUUtilizationPercentage", 70),
            "f.yaml: strict decoding error: unknown field \"spec.targetCPUUtilizationPercentage\"");
  json annotated = version_1();
  annotated["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"] = "[]";
  EXPECT_EQ(said_of(annotated),
            "f.yaml: metadata.annotations: expected no autoscaling.alpha.kubernetes.io/metrics, "
            "which autoscaling/v1 has no field for; ask for the object as autoscaling/v2 (kubectl "
            "get horizontalpodautoscalers.v2.autoscaling)");
}

}  // namespace
}  // namespace iris::kube
