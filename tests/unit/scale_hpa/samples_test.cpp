#include "scale/hpa/samples.hpp"

#include <gtest/gtest.h>

#include "scene.hpp"

namespace iris::scale::hpa {
namespace {

using kube::Quantity;

kube::Container container(const std::string& name, std::int64_t cpu_milli) {
  kube::Container result;
  result.name = name;
  if (cpu_milli >= 0) result.resources.requests["cpu"] = Quantity::from_milli(cpu_milli);
  return result;
}

kube::Container sidecar(const std::string& name, std::int64_t cpu_milli) {
  kube::Container result = container(name, cpu_milli);
  result.restartable = true;
  return result;
}

kube::Pod pod_of(std::vector<kube::Container> containers, std::vector<kube::Container> inits = {}) {
  kube::Pod pod;
  pod.metadata.name = "p";
  pod.spec.containers = std::move(containers);
  pod.spec.init_containers = std::move(inits);
  return pod;
}

std::int64_t request(const kube::Pod& pod, const std::string& name = "") {
  const auto requests = collect_requests({pod}, "cpu", name);
  EXPECT_TRUE(requests) << requests.error().message;
  return requests ? requests->at("p") : -1;
}

std::string request_error(const kube::Pod& pod, const std::string& name = "") {
  const auto requests = collect_requests({pod}, "cpu", name);
  return requests ? "no error" : requests.error().message;
}

TEST(Requests, SumTheContainersAndTheSidecars) {
  EXPECT_EQ(request(pod_of({container("a", 100), container("b", 20)})), 120);
  EXPECT_EQ(request(pod_of({container("a", 100)}, {sidecar("s", 7), container("once", 5000)})),
            107);
}

TEST(Requests, AContainerWithoutOneIsNamed) {
  EXPECT_EQ(request_error(pod_of({container("a", 100), container("b", -1)})),
            "missing request for cpu in container b of Pod p");
  EXPECT_EQ(request_error(pod_of({container("a", 1)}, {sidecar("s", -1)})),
            "missing request for cpu in container s of Pod p");
  // One that runs before the pod starts need not have any.
  EXPECT_EQ(request(pod_of({container("a", 1)}, {container("once", -1)})), 1);
}

TEST(Requests, ANamedContainerIsLookedAtAlone) {
  EXPECT_EQ(request(pod_of({container("a", 100), container("b", -1)}), "a"), 100);
  EXPECT_EQ(request(pod_of({container("a", 100)}, {sidecar("s", 7)}), "s"), 7);
  EXPECT_EQ(request_error(pod_of({container("a", 100)}), "z"), "container z not found in Pod p");
}

TEST(Requests, PodLevelRequestsOverrideUnlessAContainerIsNamed) {
  kube::Pod pod = pod_of({container("a", 100), container("b", -1)});
  pod.spec.resources.requests["cpu"] = Quantity::from_milli(900);
  EXPECT_EQ(request(pod), 900);
  EXPECT_EQ(request(pod, "a"), 100);
  pod.spec.overhead["cpu"] = Quantity::from_milli(50);
  EXPECT_EQ(request(pod), 950);
}

TEST(Requests, PodLevelRequestsOfAnotherResourceLeaveWhatTheContainersNeed) {
  kube::Pod pod = pod_of({container("a", 100), container("b", -1)},
                         {sidecar("s", 10), container("once", 500), sidecar("late", 1)});
  pod.spec.resources.requests["memory"] = Quantity::from_value(1);
  // Starting takes sidecar + once = 510, running a + both sidecars = 111.
  EXPECT_EQ(request(pod), 510);
  pod.spec.containers[0] = container("a", 700);
  EXPECT_EQ(request(pod), 711);
  kube::Pod none = pod_of({container("a", -1)});
  none.spec.resources.requests["memory"] = Quantity::from_value(1);
  EXPECT_EQ(request_error(none), "missing pod-level request for cpu in Pod p");
}

kube::PodMetrics metrics_of(const std::string& pod,
                            std::vector<kube::ContainerMetrics> containers) {
  kube::PodMetrics metrics;
  metrics.metadata.name = pod;
  metrics.metadata.namespace_name = "shop";
  metrics.containers = std::move(containers);
  return metrics;
}

TEST(Samples, SumTheContainersAndLeaveOutPodsThatLackOne) {
  const kube::ResourceList cpu{{"cpu", Quantity::from_milli(3)}};
  const kube::ResourceList memory{{"memory", Quantity::from_value(3)}};
  const auto samples =
      collect_samples({metrics_of("both", {{"a", cpu}, {"b", cpu}}),
                       metrics_of("half", {{"a", cpu}, {"b", memory}}), metrics_of("none", {})},
                      "cpu", "");
  ASSERT_TRUE(samples);
  ASSERT_EQ(samples->size(), 1u);
  EXPECT_EQ(samples->at("both").usage_milli, 6);
}

TEST(Samples, OfANamedContainer) {
  const kube::ResourceList cpu{{"cpu", Quantity::from_milli(3)}};
  const auto samples = collect_samples({metrics_of("x", {{"a", cpu}, {"b", {}}})}, "cpu", "a");
  ASSERT_TRUE(samples);
  EXPECT_EQ(samples->at("x").usage_milli, 3);
  EXPECT_TRUE(collect_samples({metrics_of("x", {{"b", {}}})}, "cpu", "b")->empty());
  // A pod whose metrics lack the container is one without a sample, beside those that have it.
  const auto partly =
      collect_samples({metrics_of("x", {{"b", cpu}}), metrics_of("y", {{"a", cpu}})}, "cpu", "a");
  ASSERT_TRUE(partly);
  ASSERT_EQ(partly->size(), 1u);
  EXPECT_EQ(partly->at("y").usage_milli, 3);
  EXPECT_TRUE(collect_samples({metrics_of("x", {{"b", cpu}})}, "cpu", "a")->empty());
}

TEST(Samples, NoneAtAllIsAnError) {
  EXPECT_EQ(collect_samples({}, "cpu", "").error().message,
            "no metrics returned from resource metrics API");
}

}  // namespace
}  // namespace iris::scale::hpa
