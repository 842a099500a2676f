// The manifests that ship, read by the readers that local runs use.
#include <gtest/gtest.h>

#include "kube/read.hpp"

namespace iris::kube {
namespace {

template <class T>
T load_shipped(const std::string& name) {
  auto object = load<T>(std::string(IRIS_SOURCE_DIR) + "/k8s/" + name);
  EXPECT_TRUE(object) << object.error().message;
  return object.value_or(T{});
}

TEST(Manifests, TheDeploymentSaysHowAReplicaRuns) {
  const auto deployment = load_shipped<Deployment>("deployment.yaml");
  EXPECT_EQ(deployment.metadata.name, "iris-api");
  EXPECT_EQ(deployment.replicas, 1);  // left out: the autoscaler owns them
  EXPECT_EQ(deployment.selector, (Labels{{"app", "iris-api"}}));
  EXPECT_EQ(deployment.pod.termination_grace_period_seconds, 35);
  ASSERT_EQ(deployment.pod.containers.size(), 1u);
  const auto& container = deployment.pod.containers.front();
  EXPECT_EQ(container.name, "iris-api");
  EXPECT_EQ(container.args,
            (std::vector<std::string>{"serve", "--model", "/models/model.onnx",
                                      "--max-connection-age=30s", "--drain-delay=5s"}));
  ASSERT_EQ(container.ports.size(), 1u);
  EXPECT_EQ(container.ports[0].container_port, 8080);
  EXPECT_EQ(container.resources.requests.at("cpu").milli(), 100);
  EXPECT_EQ(container.resources.requests.at("memory").value(), 64 << 20);
  EXPECT_EQ(container.resources.limits.at("cpu").milli(), 500);
  EXPECT_EQ(container.resources.limits.at("memory").value(), 256 << 20);
  ASSERT_TRUE(container.readiness_probe);
  EXPECT_EQ(container.readiness_probe->path, "/v2/health/ready");
  EXPECT_EQ(container.readiness_probe->port.name, container.ports[0].name);
  EXPECT_EQ(container.readiness_probe->period_seconds, 2);
  ASSERT_TRUE(container.liveness_probe);
  EXPECT_EQ(container.liveness_probe->path, "/v2/health/live");
  EXPECT_TRUE(container.startup_probe);
  EXPECT_FALSE(container.pre_stop_sleep_seconds);  // --drain-delay does it
}

TEST(Manifests, TheServiceLeadsToTheDeployment) {
  const auto service = load_shipped<Service>("service.yaml");
  const auto deployment = load_shipped<Deployment>("deployment.yaml");
  EXPECT_EQ(service.metadata.name, "iris-api-lb");
  EXPECT_EQ(service.type, "LoadBalancer");
  EXPECT_EQ(service.selector, deployment.template_metadata.labels);
  ASSERT_EQ(service.ports.size(), 1u);
  EXPECT_EQ(service.ports[0].port, 80);
  EXPECT_EQ(service.ports[0].target_port.number,
            deployment.pod.containers.at(0).ports.at(0).container_port);
}

TEST(Manifests, TheAutoscalersDifferInTheirMaximumOnly) {
  for (const auto& [name, most] : {std::pair{"hpa-max3.yaml", 3}, std::pair{"hpa-max1.yaml", 1}}) {
    const auto hpa = load_shipped<HorizontalPodAutoscaler>(name);
    EXPECT_EQ(hpa.metadata.name, "iris-api-hpa");
    EXPECT_EQ(hpa.scale_target.kind, "Deployment");
    EXPECT_EQ(hpa.scale_target.name, "iris-api");
    EXPECT_EQ(hpa.min_replicas, 1);
    EXPECT_EQ(hpa.max_replicas, most);
    ASSERT_EQ(hpa.metrics.size(), 1u);
    EXPECT_EQ(hpa.metrics[0].name, "cpu");
    EXPECT_EQ(hpa.metrics[0].target.average_utilization, 60);
    // Kubernetes' own defaults, said aloud.
    ASSERT_TRUE(hpa.behavior);
    EXPECT_EQ(hpa.behavior->scale_up.policies.size(), default_scale_up_rules().policies.size());
    EXPECT_EQ(hpa.behavior->scale_up.stabilization_window_seconds, 0);
    EXPECT_EQ(hpa.behavior->scale_down.stabilization_window_seconds, 300);
  }
}

TEST(Manifests, TheJobsRunWrkWithTheScriptOfTheConfigMap) {
  const auto scripts = load_shipped<ConfigMap>("loadtest/wrk-configmap.yaml");
  EXPECT_EQ(scripts.metadata.name, "wrk-scripts");
  ASSERT_TRUE(scripts.data.contains("post.lua"));
  EXPECT_NE(scripts.data.at("post.lua").find("wrk.method = \"POST\""), std::string::npos);
  // What the script opens is there.
  EXPECT_NE(scripts.data.at("post.lua").find("\"/scripts/request.json\""), std::string::npos);
  ASSERT_TRUE(scripts.data.contains("request.json"));
  for (const std::string count : {"1000", "2000"}) {
    const auto job = load_shipped<Job>("loadtest/job-wrk-" + count + ".yaml");
    EXPECT_EQ(job.backoff_limit, 0);
    EXPECT_EQ(job.active_deadline_seconds, 180);
    ASSERT_EQ(job.pod.containers.size(), 1u);
    const auto& wrk = job.pod.containers[0];
    EXPECT_EQ(wrk.command, std::vector<std::string>{"wrk"});
    EXPECT_EQ(wrk.args,
              (std::vector<std::string>{"-t12", "-c" + count, "-d60s", "--latency", "-s",
                                        "/scripts/post.lua", "http://iris-api-lb/predict"}));
    ASSERT_EQ(job.pod.config_map_volumes.size(), 1u);
    EXPECT_EQ(job.pod.config_map_volumes[0].config_map, scripts.metadata.name);
    ASSERT_EQ(wrk.volume_mounts.size(), 1u);
    EXPECT_EQ(wrk.volume_mounts[0].name, job.pod.config_map_volumes[0].name);
    EXPECT_EQ(wrk.volume_mounts[0].mount_path, "/scripts");
  }
}

}  // namespace
}  // namespace iris::kube
