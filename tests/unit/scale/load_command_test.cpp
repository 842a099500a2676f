#include "scale/load_command.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kube/read.hpp"
#include "scale/service_container.hpp"
#include "scale/shell_words.hpp"

namespace iris::scale {
namespace {

using Words = std::vector<std::string>;

TEST(ShellWords, ReadsOneSimpleCommand) {
  const std::map<std::string, std::string> variables = {{"A", "x y"}, {"B", "b"}};
  const auto words = [&](const char* text) { return shell_words(text, variables); };
  EXPECT_EQ(words("wrk -t1\t-c2"), (Words{"wrk", "-t1", "-c2"}));
  EXPECT_EQ(words("\n exec wrk 'a b' \"c $A\" d\\ e \\\n f\n\n"),
            (Words{"wrk", "a b", "c x y", "d e", "f"}));
  EXPECT_EQ(words("wrk http://$B/${B}c ''"), (Words{"wrk", "http://b/bc", ""}));
  EXPECT_EQ(words("wrk '$B' \"\\$B\" \"a\\b\" a#b"), (Words{"wrk", "$B", "$B", "a\\b", "a#b"}));
}

TEST(ShellWords, LeavesAllElseToAShell) {
  for (const char* text :
       {"",         "wrk; ls",    "wrk | tee x", "wrk > x",     "wrk &",  "wrk $(ls)",
        "wrk `ls`", "wrk *",      "wrk $C",      "wrk ${B:-c}", "wrk $A", "wrk 'a",
        "wrk \"a",  "wrk a\\",    "X=1 wrk",     "wrk\nls",     "(wrk)",  "wrk # x",
        "wrk $1",   "wrk \"$@\"", "wrk ~/x",     "wrk {a,b}"}) {
    EXPECT_FALSE(shell_words(text, {{"A", "x y"}, {"B", "b"}})) << text;
  }
}

kube::PodSpec pod_of(const char* containers) {
  nlohmann::json job = {{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"metadata", {{"name", "x"}}}};
  job["spec"]["template"]["spec"]["containers"] = nlohmann::json::parse(containers);
  auto read = kube::read<kube::Job>(job, "job.yaml");
  EXPECT_TRUE(read) << read.error().message;
  return read ? read->pod : kube::PodSpec{};
}

TEST(LoadCommand, ResolvesVariablesAsTheKubeletDoes) {
  const auto command = read_load_command(pod_of(R"j([{"name":"wrk","command":["wrk"],
        "args":["-c$(N)","-H","A: $$(N) $(NONE) $ $(","-H","B: $$$(N)","http://$(HOST)/$(P)"],
        "env":[{"name":"N","value":"8"},{"name":"P","value":"p$(N)$(Q)"},{"name":"Q","value":"q"}]}])j"),
                                         {}, "job.yaml");
  ASSERT_FALSE(command.unreadable) << command.unreadable->message;
  EXPECT_EQ(command.wrk.connections, 8);
  EXPECT_EQ(command.wrk.headers, (Words{"A: $(N) $(NONE) $ $(", "B: $8"}));
  // A variable knows those before it alone.
  EXPECT_EQ(command.wrk.url, "http://$(HOST)/p8$(Q)");
  EXPECT_EQ(command.only_on_cluster, "");
  // Back in a manifest, the kubelet makes the same of it.
  const auto argv = command.manifest_argv(std::chrono::seconds(3));
  EXPECT_EQ(argv, (Words{"wrk", "-t2", "-c8", "-d3s", "--latency", "-H", "A: $$(N) $(NONE) $$ $$(",
                         "-H", "B: $$8", "http://$(HOST)/p8$$(Q)"}));
}

TEST(LoadCommand, TakesTheValuesOfTheConfigMapThatIsAtHand) {
  kube::ConfigMap known;
  known.metadata.name = "known";
  known.data = {{"N", "8"}};
  const auto command =
      read_load_command(pod_of(R"j([{"name":"wrk","args":["-c$(X_N)","http://a/"],"envFrom":[
        {"prefix":"X_","configMapRef":{"name":"known"}},{"secretRef":{"name":"s"}}]
}])j"),
                        known, "job.yaml");
  ASSERT_FALSE(command.unreadable) << command.unreadable->message;
  EXPECT_EQ(command.wrk.connections, 8);
  EXPECT_EQ(command.elsewhere, "Secret 's'");
}

TEST(LoadCommand, IsThatOfTheContainerThatRunsWrk) {
  const auto command = read_load_command(
      pod_of(R"j([{"name":"proxy","args":["--x"]},{"name":"load","command":["/bin/sh","-c"],
        "args":["wrk -c5 http://a/"]}])j"),
      {}, "job.yaml");
  ASSERT_FALSE(command.unreadable) << command.unreadable->message;
  EXPECT_EQ(command.container, 1U);
  EXPECT_EQ(command.wrk.connections, 5);
  const auto none = read_load_command(
      pod_of(R"j([{"name":"proxy","args":["--x"]},{"name":"wrk","command":["sh","-c"],
        "args":["for i in 1 2; do wrk http://a/; done"]}])j"),
      {}, "job.yaml");
  ASSERT_TRUE(none.unreadable);
  EXPECT_EQ(none.container, 1U);
  EXPECT_NE(none.unreadable->message.find("job.yaml: spec.template.spec.containers[1]"),
            std::string::npos);
}

kube::Deployment deployment_of(const char* containers) {
  kube::Deployment deployment;
  deployment.template_metadata.labels = {{"app", "iris"}};
  deployment.pod = pod_of(containers);
  return deployment;
}

TEST(ServiceContainer, IsWhereTheServiceLeads) {
  kube::Service service;
  service.metadata.name = "lb";
  service.selector = {{"app", "iris"}};
  service.ports = {{"", 80, {8080, ""}}};
  const auto deployment = deployment_of(
      R"j([{"name":"proxy","ports":[{"name":"http","containerPort":15001}]},
          {"name":"iris","args":["serve"],"ports":[{"name":"api","containerPort":8080}]}])j");
  EXPECT_EQ(find_service_container(deployment, service).index, 1U);
  service.ports = {{"", 80, {0, "http"}}};
  const auto named = find_service_container(deployment, service);
  EXPECT_EQ(named.index, 0U);
  EXPECT_EQ(named.because, "the port http that Service lb leads to");
  // A Service of other pods says nothing.
  service.selector = {{"app", "other"}};
  EXPECT_EQ(find_service_container(deployment, service).because, "its argument serve");
  EXPECT_EQ(find_service_container(deployment, {}).index, 1U);
  EXPECT_EQ(find_service_container(deployment_of(R"j([{"name":"iris"}])j"), service).because, "");
  EXPECT_EQ(find_service_container(deployment_of(R"j([{"name":"a"},{"name":"b"}])j"), {}).index,
            0U);
}

}  // namespace
}  // namespace iris::scale
