#include "scale/local/replica_plan.hpp"

#include <gtest/gtest.h>

#include "kube/read.hpp"

namespace iris::scale::local {
namespace {

using namespace std::chrono_literals;

kube::Deployment shipped() {
  const auto loaded = kube::load<kube::Deployment>(IRIS_SOURCE_DIR "/k8s/deployment.yaml");
  EXPECT_TRUE(loaded) << loaded.error().message;
  return *loaded;
}

TEST(CpuFactor, LeavesTheLoadGeneratorRoom) {
  EXPECT_DOUBLE_EQ(choose_cpu_factor(500, 3, 2).value, 0.45);
  EXPECT_DOUBLE_EQ(choose_cpu_factor(500, 3, 4).value, 0.9);
  EXPECT_DOUBLE_EQ(choose_cpu_factor(500, 3, 8).value, 1);
  EXPECT_NEAR(choose_cpu_factor(4'000, 100, 1).value, 0.001, 1e-12);
  EXPECT_DOUBLE_EQ(choose_cpu_factor(0, 3, 2).value, 1);
  EXPECT_NE(choose_cpu_factor(500, 3, 2).reason, "");
}

TEST(PlanReplica, IsTheShippedDeploymentAtTenTimesThePace) {
  const auto plan =
      plan_replica(shipped(), {"/bin/iris", "m.onnx", 10, 0.45}, "k8s/deployment.yaml");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->argv,
            (std::vector<std::string>{"/bin/iris", "serve", "--model", "m.onnx",
                                      "--max-connection-age=3000ms", "--drain-delay=500ms"}));
  EXPECT_EQ(plan->limits.cpu_request_milli, 45);
  EXPECT_EQ(plan->limits.cpu_limit_milli, 225);
  EXPECT_EQ(plan->limits.memory_limit_bytes, 256LL << 20);
  EXPECT_EQ(plan->spec.containers[0].resources.requests.at("cpu").milli(), 45);
  EXPECT_EQ(plan->ready_path, "/v2/health/ready");
  EXPECT_EQ(plan->ready_period, 200ms);
  EXPECT_EQ(plan->ready_timeout, 1s);
  EXPECT_EQ(plan->pre_stop, 0ms);
  EXPECT_EQ(plan->grace, 35s);
  EXPECT_NEAR(to_seconds(plan->connection_age), 3.6, 1e-6);
}

TEST(PlanReplica, SleepsBeforeItStopsAtThePaceOfTheRun) {
  auto deployment = shipped();
  deployment.pod.containers[0].pre_stop_sleep_seconds = 5;
  const auto plan = plan_replica(deployment, {"/bin/iris", "m.onnx", 10, 1}, "d.yaml");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->pre_stop, 500ms);
}

TEST(PlanReplica, BoundsTheConnectionAgeOfAServerThatIsNotTold) {
  auto deployment = shipped();
  deployment.pod.containers[0].args = {"serve", "--max-connection-age-jitter", "0.5"};
  const auto plan = plan_replica(deployment, {"/bin/iris", "m.onnx", 10, 1}, "d.yaml");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->argv.back(), "--max-connection-age=30000ms");
  EXPECT_NEAR(to_seconds(plan->connection_age), 45, 1e-6);
}

TEST(PlanReplica, RefusesWhatItCannotRun) {
  auto deployment = shipped();
  deployment.pod.containers[0].args = {"predict"};
  const auto other = plan_replica(deployment, {"/bin/iris", "m.onnx", 10, 1}, "d.yaml");
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().message.starts_with("d.yaml: spec.template.spec.containers[0].args"));
  deployment.pod.containers[0].args = {"serve", "--max-connection-age", "soon"};
  EXPECT_FALSE(plan_replica(deployment, {"/bin/iris", "m.onnx", 10, 1}, "d.yaml"));
  deployment.pod.containers[0].args = {"serve", "--drain-delay", "later"};
  const auto delay = plan_replica(deployment, {"/bin/iris", "m.onnx", 10, 1}, "d.yaml");
  ASSERT_FALSE(delay);
  EXPECT_NE(delay.error().message.find("--drain-delay"), std::string::npos);
}

}  // namespace
}  // namespace iris::scale::local
