#include "scale/hpa/line.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace iris::scale::hpa {
namespace {

using nlohmann::json;

json question() {
  return json::parse(R"({
    "hpa": {"metadata": {"name": "web"},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                     "maxReplicas": 8,
                     "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                       "target": {"type": "Utilization", "averageUtilization": 60}}}]}},
    "pods": [{"metadata": {"name": "a"},
              "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "400m"}}}]},
              "status": {"phase": "Running", "startTime": "2025-01-31T11:00:00Z",
                "conditions": [{"type": "Ready", "status": "True",
                                "lastTransitionTime": "2025-01-31T11:00:05Z"}]}}],
    "metrics": [{"metadata": {"name": "a"}, "timestamp": "2025-01-31T11:59:55Z", "window": "15s",
                 "containers": [{"name": "c", "usage": {"cpu": "300m"}}]}],
    "now": "2025-01-31T12:00:00Z", "currentReplicas": 1})");
}

json answer(const json& line, AnswerOptions options = {}) {
  return json::parse(answer_line(line.dump(), options));
}

std::string error_after(const char* pointer, const json& value) {
  json changed = question();
  changed[json::json_pointer(pointer)] = value;
  const json result = answer(changed);
  EXPECT_EQ(result.size(), result["error"].is_null() ? 6u : 1u);
  return result["error"].is_null() ? "no error" : result["error"].get<std::string>();
}

TEST(Line, AnswersInTheFormOfTheContract) {
  EXPECT_EQ(
      answer_line(question().dump(), {}),
      R"({"desiredReplicas":2,"metric":{"name":"cpu","utilizationPercent":75,"averageMilli":300,)"
      R"("ratio":1.25,"proposedReplicas":2},"pods":{"ready":["a"],"unready":[],"missing":[],)"
      R"("ignored":[]},"conditions":[{"type":"AbleToScale","status":"True","reason":)"
      R"("SucceededRescale"},{"type":"ScalingActive","status":"True","reason":"ValidMetricFound"},)"
      R"({"type":"ScalingLimited","status":"False","reason":"DesiredWithinRange"}],"because":)"
      R"("cpu at 75 % of requests against a target of 60 %: 1 × 1.25 → 2","error":null})");
}

TEST(Line, TakesListsAsKubectlPrintsThem) {
  json lists = question();
  lists["pods"] = {{"kind", "List"}, {"items", lists["pods"]}};
  lists["metrics"] = {{"kind", "PodMetricsList"}, {"items", lists["metrics"]}};
  EXPECT_EQ(answer(lists), answer(question()));
  lists["pods"]["items"][0]["spec"] = 1;
  EXPECT_EQ(answer(lists)["error"], "pods.items[0]: spec: expected an object, found the number 1");
}

TEST(Line, TheControllersFlagsAreUsed) {
  json strict = question();
  strict["controller"] = {{"tolerance", 0.3}};
  EXPECT_EQ(answer(strict)["desiredReplicas"], 1);
  strict["controller"] = {{"cpuInitializationPeriodSeconds", 3602}};
  EXPECT_EQ(answer(strict)["desiredReplicas"], 2);
  strict["pods"][0]["status"]["conditions"][0]["lastTransitionTime"] = "2025-01-31T11:59:50Z";
  EXPECT_EQ(answer(strict)["pods"]["unready"], json::array({"a"}));
  strict["controller"] = {{"scaleUpLimitMinimum", 1}, {"scaleUpLimitFactor", 1}};
  EXPECT_EQ(answer(strict)["conditions"][2]["reason"], "ScaleUpLimit");
  json idle = question();
  idle["pods"][0]["status"]["conditions"][0] = {
      {"type", "Ready"}, {"status", "False"}, {"lastTransitionTime", "2025-01-31T11:00:40Z"}};
  EXPECT_EQ(answer(idle)["pods"]["ready"], json::array({"a"}));
  idle["controller"] = {{"initialReadinessDelaySeconds", 41}};
  EXPECT_EQ(answer(idle)["pods"]["unready"], json::array({"a"}));
}

TEST(Line, HistoryGoesInAndComesOut) {
  json next = question();
  next["metrics"][0]["containers"][0]["usage"]["cpu"] = "240m";
  next["history"]["recommendations"] =
      json::array({{{"at", "2025-01-31T11:56:00Z"}, {"replicas", 3}},
                   {{"at", "2025-01-31T11:00:00Z"}, {"replicas", 7}}});
  const json result = answer(next, {.history = true});
  EXPECT_EQ(result["desiredReplicas"], 3);
  EXPECT_EQ(result["history"]["recommendations"],
            json::parse(R"([{"at":"2025-01-31T11:56:00Z","replicas":3},
                            {"at":"2025-01-31T12:00:00Z","replicas":1}])"));
  next["controller"] = {{"downscaleStabilizationSeconds", 60}};
  EXPECT_EQ(answer(next)["desiredReplicas"], 1);
  json limited = question();
  limited["hpa"]["spec"]["behavior"]["scaleUp"]["policies"] = {
      {{"type", "Pods"}, {"value", 1}, {"periodSeconds", 60}}};
  EXPECT_EQ(answer(limited, {.history = true})["history"]["scaleUpEvents"],
            json::parse(R"([{"at":"2025-01-31T12:00:00Z","change":1}])"));
  limited["history"]["scaleUpEvents"] = {{{"at", "2025-01-31T11:59:30Z"}, {"change", 1}}};
  EXPECT_EQ(answer(limited)["desiredReplicas"], 1);
  limited["history"]["scaleDownEvents"] = {{{"at", "2025-01-31T11:59:40Z"}, {"change", 1}}};
  EXPECT_EQ(answer(limited)["desiredReplicas"], 2);
}

TEST(Line, ErrorsNameTheField) {
  EXPECT_EQ(
      error_after("/hpa/spec/maxReplicas", "3"),
      "hpa: spec.maxReplicas: expected an integer from -2147483648 to 2147483647, found \"3\"");
  EXPECT_EQ(error_after("/pods/0/status/startTime", "soon"),
            "pods[0]: status.startTime: expected an RFC 3339 time such as 2025-01-31T12:00:00Z, "
            "found \"soon\"");
  EXPECT_EQ(error_after("/metrics/0/window", 15),
            "metrics[0]: window: expected a string (quote it), found the number 15");
  EXPECT_EQ(error_after("/now", nullptr), "now: expected a string, found nothing");
  EXPECT_EQ(error_after("/currentReplicas", -1),
            "currentReplicas: expected an integer from 0 to 2147483647, found the number -1");
  EXPECT_EQ(error_after("/pods", nullptr), "pods: expected a list");
  EXPECT_EQ(error_after("/hpa", 5), "hpa: expected a HorizontalPodAutoscaler, found the number 5");
  EXPECT_EQ(error_after("/controller/tolerance", -0.1),
            "controller.tolerance: expected a number from 0 to 1000000000, found the number -0.1");
  EXPECT_EQ(error_after("/history/recommendations/0/replicas", 1),
            "history.recommendations[0].at: expected a string, found nothing");
  EXPECT_EQ(error_after("/unknown", 1), "no error");
}

TEST(Line, WhatIsNoQuestionGetsAnErrorAndNothingElse) {
  EXPECT_EQ(answer_line("", {}), R"({"error":"not JSON at byte 1"})");
  EXPECT_EQ(answer_line("[1", {}), R"({"error":"not JSON at byte 3"})");
  EXPECT_EQ(answer_line("[]", {}), R"({"error":"expected a JSON object"})");
  EXPECT_EQ(answer_line("{}", {}), R"({"error":"hpa: expected a HorizontalPodAutoscaler"})");
  EXPECT_TRUE(answer_line("1e999", {}).starts_with(R"({"error":"not JSON that can be read)"));
  EXPECT_TRUE(answer_line("\"\xff\"", {}).starts_with(R"({"error":"not JSON at byte)"));
  EXPECT_TRUE(answer_line(std::string(1'000'000, '['), {}).starts_with(R"({"error":)"));
}

}  // namespace
}  // namespace iris::scale::hpa
