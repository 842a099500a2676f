#include "scale/local/cgroup.hpp"

#include <gtest/gtest.h>

#include "fake_cgroup_files.hpp"

namespace iris::scale::local {
namespace {

constexpr pid_t kPid = 77;
bool nobody_lives(pid_t) {
  return false;
}

constexpr CgroupLimits kLimits = {
    .cpu_request_milli = 45, .cpu_limit_milli = 225, .memory_limit_bytes = 536'870'912};

CgroupPlaces version1() {
  return {1, "/c/cpu/me", "/c/cpuacct/me", "/c/memory/me", ""};
}
CgroupPlaces version2(const std::string& own) {
  return {2, own, own, own, "/sys/fs/cgroup"};
}

TEST(CgroupPlaces, FindsVersion1WithSeparateMounts) {
  const auto places = find_cgroup_places(
      "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
      "33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpuacct\n"
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
      "4:memory:/api/x\n2:cpuacct:/\n1:cpu:/\n0::/\n");
  ASSERT_TRUE(places) << places.error().message;
  EXPECT_EQ(places->version, 1);
  EXPECT_EQ(places->cpu, "/sys/fs/cgroup/cpu");
  EXPECT_EQ(places->cpuacct, "/sys/fs/cgroup/cpuacct");
  EXPECT_EQ(places->memory, "/sys/fs/cgroup/memory/api/x");
}

TEST(CgroupPlaces, FindsVersion1MountedTogetherAndInAContainer) {
  const auto places = find_cgroup_places(
      "33 31 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
      "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc/sub\n");
  ASSERT_TRUE(places) << places.error().message;
  EXPECT_EQ(places->cpu, "/sys/fs/cgroup/cpu,cpuacct/sub");
  EXPECT_EQ(places->memory, "/sys/fs/cgroup/memory");
  EXPECT_EQ(places->folders().size(), 2U);
}

TEST(CgroupPlaces, FindsVersion2) {
  const auto places =
      find_cgroup_places("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
                         "0::/user.slice/run-1.scope\n");
  ASSERT_TRUE(places) << places.error().message;
  EXPECT_EQ(places->version, 2);
  EXPECT_EQ(places->root, "/sys/fs/cgroup");
  EXPECT_EQ(places->folders(), std::vector<std::string>{"/sys/fs/cgroup/user.slice/run-1.scope"});
}

TEST(CgroupPlaces, FailsWhereThereIsNone) {
  const auto places = find_cgroup_places("1 0 8:1 / / rw - ext4 /dev/sda rw\n", "0::/\n");
  ASSERT_FALSE(places);
  EXPECT_EQ(places.error().code, ExitCode::kEnvironment);
}

TEST(CgroupVersion1, LimitsAsTheKubeletDoesAndLeavesNothing) {
  FakeCgroupFiles files(1);
  for (const auto& folder : version1().folders()) files.add(folder);
  const auto before = files.folders;
  {
    const auto run = CgroupRun::create(files, version1(), kPid, nobody_lives);
    ASSERT_TRUE(run) << run.error().message;
    const auto group = (*run)->add("a-1", kLimits);
    ASSERT_TRUE(group) << group.error().message;
    const std::string cpu = "/c/cpu/me/iris-77/a-1";
    EXPECT_EQ(files.files[cpu + "/cpu.cfs_period_us"], "100000");
    EXPECT_EQ(files.files[cpu + "/cpu.cfs_quota_us"], "22500");
    EXPECT_EQ(files.files[cpu + "/cpu.shares"], "46");
    EXPECT_EQ(files.files["/c/memory/me/iris-77/a-1/memory.limit_in_bytes"], "536870912");
    EXPECT_EQ(
        group->join_files(),
        (std::vector<std::string>{cpu + "/cgroup.procs", "/c/cpuacct/me/iris-77/a-1/cgroup.procs",
                                  "/c/memory/me/iris-77/a-1/cgroup.procs"}));

    files.files[cpu + "/cpu.stat"] = "nr_periods 10\nnr_throttled 9\nthrottled_time 7500000\n";
    files.files["/c/cpuacct/me/iris-77/a-1/cpuacct.usage"] = "2250000\n";
    files.files["/c/memory/me/iris-77/a-1/memory.usage_in_bytes"] = "9000000\n";
    files.files["/c/memory/me/iris-77/a-1/memory.oom_control"] =
        "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n";
    const auto usage = group->usage();
    ASSERT_TRUE(usage) << usage.error().message;
    EXPECT_EQ(usage->periods, 10U);
    EXPECT_EQ(usage->throttled_periods, 9U);
    EXPECT_EQ(usage->throttled_us, 7'500U);
    EXPECT_EQ(usage->cpu_us, 2'250U);
    EXPECT_EQ(usage->memory_bytes, 9'000'000U);
    EXPECT_EQ(usage->oom_kills, 1U);
  }
  EXPECT_EQ(files.folders, before);
}

TEST(CgroupVersion1, RemovesOnlyWhatADeadRunLeftEmpty) {
  FakeCgroupFiles files(1);
  for (const auto& folder : version1().folders()) {
    files.add(folder);
    for (const char* name : {"/iris-5", "/iris-5/a-1", "/iris-6", "/iris-7", "/iris-x"}) {
      files.add(folder + name);
    }
    files.add(folder + "/iris-6/a-1", "600\n");  // a process lives on
  }
  const auto run = CgroupRun::create(files, version1(), kPid, [](pid_t pid) { return pid == 7; });
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ((*run)->removed(), 1);
  EXPECT_EQ(files.list_folders("/c/cpu/me"),
            (std::vector<std::string>{"iris-6", "iris-7", "iris-77", "iris-x"}));
}

TEST(CgroupVersion1, SaysHowToGetAGroupThatCanBeWritten) {
  FakeCgroupFiles files(1);
  for (const auto& folder : version1().folders()) files.add(folder);
  files.read_only = true;
  const auto run = CgroupRun::create(files, version1(), kPid, nobody_lives);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, ExitCode::kEnvironment);
  EXPECT_NE(run.error().message.find("systemd-run --user --scope -p Delegate=yes"),
            std::string::npos);
  EXPECT_NE(run.error().message.find("--no-limits"), std::string::npos);
}

TEST(CgroupVersion2, MovesIntoALeafOfADelegatedGroupAndBack) {
  FakeCgroupFiles files(2);
  const std::string own = "/sys/fs/cgroup/user/run.scope";
  files.add("/sys/fs/cgroup");
  files.add(own, "1\n");
  files.ours = own;
  const auto before = files.folders;
  {
    const auto run = CgroupRun::create(files, version2(own), kPid, nobody_lives);
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_EQ(files.ours, own + "/iris-77-driver");
    const auto group = (*run)->add("a-1", kLimits);
    ASSERT_TRUE(group) << group.error().message;
    const auto folder = own + "/iris-77/a-1";
    EXPECT_EQ(files.files[folder + "/cpu.max"], "22500 100000");
    EXPECT_EQ(files.files[folder + "/cpu.weight"], "2");
    EXPECT_EQ(files.files[folder + "/memory.max"], "536870912");
    EXPECT_EQ(group->join_files(), std::vector<std::string>{folder + "/cgroup.procs"});

    files.files[folder + "/cpu.stat"] =
        "usage_usec 2250\nuser_usec 2000\nsystem_usec 250\nnr_periods 10\nnr_throttled 9\n"
        "throttled_usec 7500\n";
    files.files[folder + "/memory.current"] = "9000000\n";
    files.files[folder + "/memory.events"] = "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n";
    const auto usage = group->usage();
    ASSERT_TRUE(usage) << usage.error().message;
    EXPECT_EQ(usage->cpu_us, 2'250U);
    EXPECT_EQ(usage->throttled_us, 7'500U);
    EXPECT_EQ(usage->throttled_periods, 9U);
    EXPECT_EQ(usage->oom_kills, 1U);
  }
  EXPECT_EQ(files.folders, before);
  EXPECT_EQ(files.ours, own);
  EXPECT_EQ(files.files[own + "/cgroup.subtree_control"], "");
}

TEST(CgroupVersion2, UsesTheRootWhereItMayBeWritten) {
  FakeCgroupFiles files(2);
  const std::string own = "/sys/fs/cgroup/session.scope";
  files.add("/sys/fs/cgroup", "2\n");
  files.add(own, "1\n3\n");
  files.ours = own;
  files.files["/sys/fs/cgroup/cgroup.subtree_control"] = "cpu io memory pids";
  const auto run = CgroupRun::create(files, version2(own), kPid, nobody_lives);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(files.folders.count("/sys/fs/cgroup/iris-77"), 1U);
  EXPECT_EQ(files.ours, own);
}

TEST(CgroupVersion2, RefusesAGroupThatOthersAreIn) {
  FakeCgroupFiles files(2);
  const std::string own = "/sys/fs/cgroup/user/run.scope";
  files.add("/sys/fs/cgroup");
  files.add(own, "1\n3\n");
  files.ours = own;
  const auto before = files.folders;
  const auto run = CgroupRun::create(files, version2(own), kPid, nobody_lives);
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().message.find("busy"), std::string::npos);
  EXPECT_NE(run.error().message.find("Delegate=yes"), std::string::npos);
  EXPECT_EQ(files.folders, before);
  EXPECT_EQ(files.ours, own);
}

}  // namespace
}  // namespace iris::scale::local
