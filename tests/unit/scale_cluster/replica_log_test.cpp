#include "scale/cluster/replica_log.hpp"

#include <gtest/gtest.h>

namespace iris::scale::cluster {
namespace {

using std::chrono::seconds;

class ReplicaLogTest : public testing::Test {
 protected:
  // A look `t` seconds after the load began, at which the pods are as given.
  void look(int t, int wanted, std::vector<kube::PodDetail> pods,
            std::map<std::string, std::uint64_t> answered) {
    Snapshot snapshot;
    snapshot.at = kOrigin + seconds(t);
    snapshot.deployment.wanted = wanted;
    snapshot.replicas = std::move(pods);
    for (const auto& [name, count] : answered) {
      snapshot.counts[name] = {.received = count, .answered = count, .connections = 5};
    }
    log_.take(snapshot);
  }
  static kube::PodDetail pod(const std::string& name, bool ready, int restarts = 0) {
    kube::PodDetail detail;
    detail.name = name;
    detail.ready = ready;
    kube::ContainerStatus container{.name = "c", .restarts = restarts};
    if (restarts > 0) container.exit_code = 137;
    detail.containers.push_back(container);
    return detail;
  }

  static constexpr SteadyTime kOrigin{seconds(1000)};
  std::vector<std::string> events_;
  ReplicaLog log_{[this](const char* kind, const std::string& replica, const std::string&) {
    events_.push_back(std::string(kind) + " " + replica);
  }};
};

TEST_F(ReplicaLogTest, TellsTheStatesOneAfterTheOther) {
  look(0, 1, {pod("a", false)}, {});
  look(1, 1, {pod("a", true)}, {{"a", 10}});
  look(2, 1, {pod("a", false)}, {{"a", 20}});
  look(3, 1, {pod("a", true)}, {{"a", 30}});
  auto leaving = pod("a", true);
  leaving.deleting = true;
  look(4, 1, {leaving}, {{"a", 40}});
  look(5, 1, {}, {});
  const std::vector<std::string> expected = {"replica_started a",  "replica_ready a",
                                             "replica_unready a",  "replica_ready a",
                                             "replica_draining a", "replica_gone a"};
  EXPECT_EQ(events_, expected);
  const auto samples = log_.sample(kOrigin);
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[0].state, "gone");
  EXPECT_EQ(samples[0].answered, 40U);
  EXPECT_EQ(samples[0].counted_t, 4);
  EXPECT_EQ(samples[0].connections, 0U);
  EXPECT_EQ(log_.ended(), std::vector<std::string>{"a"});
  EXPECT_EQ(log_.lost(), 0U);
}

TEST_F(ReplicaLogTest, AContainerThatDiedIsALostReplica) {
  look(0, 1, {pod("a", true)}, {{"a", 100}});
  look(1, 1, {pod("a", false, 1)}, {});
  look(2, 1, {pod("a", true, 1)}, {{"a", 5}});
  EXPECT_EQ(log_.lost(), 1U);
  EXPECT_EQ(log_.ended(), std::vector<std::string>{"a"});
  EXPECT_EQ(events_[2], "replica_lost a");
  // Counts never fall.
  EXPECT_EQ(log_.answered(), 100U);
}

TEST_F(ReplicaLogTest, IsSettledSinceAllThatAreWantedAreReady) {
  look(0, 1, {pod("a", true)}, {});
  EXPECT_EQ(log_.settled_at(), kOrigin);
  look(1, 2, {pod("a", true), pod("b", false)}, {});
  EXPECT_FALSE(log_.settled_at());
  look(2, 2, {pod("a", true), pod("b", true)}, {});
  look(3, 2, {pod("a", true), pod("b", true)}, {});
  EXPECT_EQ(log_.settled_at(), kOrigin + seconds(2));
  EXPECT_EQ(log_.most_ready(), 2);
}

TEST_F(ReplicaLogTest, CountsOfBeforeTheLoadAreThoseThatItBeginsWith) {
  look(-5, 1, {pod("a", true)}, {{"a", 7}});
  EXPECT_EQ(log_.sample(kOrigin)[0].counted_t, 0);
}

}  // namespace
}  // namespace iris::scale::cluster
