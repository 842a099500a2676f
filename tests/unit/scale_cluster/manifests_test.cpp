#include "scale/cluster/manifests.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.hpp"
#include "scale/cluster/rights.hpp"

namespace iris::scale::cluster {
namespace {

// The repository's own experiment and manifests, which are found from its root.
class ManifestsTest : public testing::Test {
 protected:
  void SetUp() override {
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(IRIS_SOURCE_DIR);
    auto experiment = load_experiment("experiments/scaling.yaml");
    ASSERT_TRUE(experiment) << experiment.error().message;
    experiment_ = std::move(*experiment);
  }
  void TearDown() override { std::filesystem::current_path(before_); }

  ClusterPlan plan() {
    auto plan = plan_cluster(experiment_, options_);
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? std::move(*plan) : ClusterPlan{};
  }
  static json find(const ClusterPlan& plan, const std::string& kind) {
    for (const auto& object : plan.objects) {
      if (object["kind"] == kind) return object;
    }
    return nullptr;
  }

  std::filesystem::path before_;
  Experiment experiment_;
  PlanOptions options_{.run_id = "12ab", .namespace_name = "run-12ab"};
};

TEST_F(ManifestsTest, EverythingIsInTheRunsNamespaceAndCarriesItsLabel) {
  const auto planned = plan();
  ASSERT_GE(planned.objects.size(), 3U);
  auto objects = planned.objects;
  for (const auto& scenario : planned.scenarios) {
    objects.push_back(scenario.hpa);
    objects.push_back(scenario.job);
  }
  for (const auto& object : objects) {
    EXPECT_EQ(object["metadata"]["namespace"], "run-12ab") << name_of(object);
    EXPECT_EQ(object["metadata"]["labels"][kRunLabel], "12ab") << name_of(object);
  }
  EXPECT_EQ(find(planned, "Namespace"), nullptr);
  EXPECT_EQ(planned.namespace_object["metadata"]["name"], "run-12ab");
  EXPECT_EQ(planned.namespace_object["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
            "restricted");
}

TEST_F(ManifestsTest, TheDeploymentShowsItsCountsAndRunsTheImageThatIsAskedFor) {
  auto container = plan().deployment["spec"]["template"]["spec"]["containers"][0];
  EXPECT_EQ(container["args"].back(), "--admin-host=0.0.0.0");
  EXPECT_EQ(container["image"], experiment_.deployment.pod.containers[0].image);
  options_.image = "registry/iris@sha256:00";
  container = plan().deployment["spec"]["template"]["spec"]["containers"][0];
  EXPECT_EQ(container["image"], "registry/iris@sha256:00");
}

TEST_F(ManifestsTest, ARunsOwnServiceIsNotPublic) {
  EXPECT_EQ(find(plan(), "Service")["spec"]["type"], "ClusterIP");
  options_.own_namespace = false;
  EXPECT_EQ(find(plan(), "Service")["spec"]["type"], "LoadBalancer");
}

TEST_F(ManifestsTest, TheJobRunsForTheExperimentsTimeUnderANameOfItsOwn) {
  experiment_.duration = std::chrono::seconds(400);
  const auto scenario = plan().scenarios.front();
  EXPECT_EQ(scenario.job["metadata"]["name"], "wrk-1000-12ab");
  const auto& spec = scenario.job["spec"];
  EXPECT_EQ(spec["activeDeadlineSeconds"], 520);
  const auto& container = spec["template"]["spec"]["containers"][0];
  EXPECT_EQ(container["command"], json::array({"wrk"}));
  const auto args = container["args"].get<std::vector<std::string>>();
  EXPECT_EQ(std::count(args.begin(), args.end(), "-d400s"), 1);
  EXPECT_EQ(args.back(), "http://iris-api-lb/predict");
  EXPECT_EQ(scenario.job_argv[3], "-d60s");
}

TEST_F(ManifestsTest, AKindThatCannotBeUndoneIsRefused) {
  const auto path = testing::TempDir() + "secret.yaml";
  ASSERT_TRUE(write_file(path, "kind: Secret\napiVersion: v1\nmetadata: {name: x}\n"));
  experiment_.cluster_paths = {path};
  const auto refused = plan_cluster(experiment_, options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ExitCode::kInput);
  EXPECT_NE(refused.error().message.find("kind: 'Secret'"), std::string::npos);
  std::filesystem::remove(path);
}

TEST_F(ManifestsTest, RightsAreThoseOfTheKindsThatAreMade) {
  const auto texts = [&] {
    std::string all;
    for (const auto& right : rights_needed(plan(), options_)) all += right.text() + "\n";
    return all;
  };
  const auto own = texts();
  for (const char* right : {"create namespaces\n", "create deployments.apps\n", "get pods/proxy\n",
                            "list pods.metrics.k8s.io\n", "create serviceaccounts\n"}) {
    EXPECT_NE(own.find(right), std::string::npos) << right;
  }
  EXPECT_EQ(own.find("networkpolicies"), std::string::npos);
  EXPECT_EQ(own.find("update "), std::string::npos);
  options_.own_namespace = false;
  const auto given = texts();
  EXPECT_EQ(given.find("namespaces"), std::string::npos);
  EXPECT_NE(given.find("update configmaps\n"), std::string::npos);
}

}  // namespace
}  // namespace iris::scale::cluster
