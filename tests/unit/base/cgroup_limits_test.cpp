#include "base/cgroup_limits.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.hpp"

namespace iris {
namespace {

namespace fs = std::filesystem;

// A folder in which /proc/self and the mounted hierarchies are laid out.
class CgroupLimitsTest : public testing::Test {
 protected:
  CgroupLimitsTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::temp_directory_path() / (std::string("iris-cgroup-") + test->name());
    fs::remove_all(root_);
  }
  ~CgroupLimitsTest() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(write_file(root_ / path, text));
  }
  std::string mount_line(const std::string& mount_root, const std::string& point,
                         const std::string& type, const std::string& options) {
    return fmt::format("30 20 0:25 {} {} rw,nosuid shared:9 - {} none {}\n", mount_root,
                       (root_ / point).string(), type, options);
  }
  std::string proc() const { return root_ / "proc"; }

  fs::path root_;
};

TEST_F(CgroupLimitsTest, TakesTheTightestLimitOfVersion2OnTheWayUp) {
  write("proc/cgroup", "0::/pods/one\n");
  write("proc/mountinfo", mount_line("/", "cg", "cgroup2", "rw"));
  write("cg/pods/one/cpu.max", "max 100000\n");
  write("cg/pods/cpu.max", "50000 100000\n");
  write("cg/cpu.max", "200000 100000\n");
  EXPECT_EQ(cgroup_cpu_limit(proc()), 0.5);
  EXPECT_EQ(usable_cpus(proc()), 1U);
}

TEST_F(CgroupLimitsTest, ReadsVersion1AmongOtherHierarchies) {
  write("proc/cgroup", "4:memory:/elsewhere\n3:cpu,cpuacct:/pods/one\n0::/\n");
  write("proc/mountinfo", mount_line("/", "memory", "cgroup", "rw,memory") +
                              mount_line("/", "cpu", "cgroup", "rw,cpu,cpuacct") +
                              mount_line("/", "unified", "cgroup2", "rw"));
  write("cpu/pods/one/cpu.cfs_quota_us", "150000\n");
  write("cpu/pods/one/cpu.cfs_period_us", "100000\n");
  write("cpu/cpu.cfs_quota_us", "-1\n");
  write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpu_limit(proc()), 1.5);
}

// In a container without a cgroup namespace the mount shows the container's group as its root.
TEST_F(CgroupLimitsTest, FindsTheGroupThatTheMountBeginsAt) {
  write("proc/cgroup", "3:cpu:/docker/abc/inner\n");
  write("proc/mountinfo", mount_line("/docker/abc", "cpu", "cgroup", "rw,cpu"));
  write("cpu/inner/cpu.cfs_quota_us", "-1\n");
  write("cpu/inner/cpu.cfs_period_us", "100000\n");
  write("cpu/cpu.cfs_quota_us", "25000\n");
  write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpu_limit(proc()), 0.25);
}

TEST_F(CgroupLimitsTest, KnowsNoLimitWhereThereIsNone) {
  EXPECT_EQ(cgroup_cpu_limit(proc()), std::nullopt);
  write("proc/cgroup", "0::/\n");
  write("proc/mountinfo", mount_line("/", "cg", "cgroup2", "rw"));
  EXPECT_EQ(cgroup_cpu_limit(proc()), std::nullopt);
  EXPECT_GE(usable_cpus(proc()), 1U);
}

TEST_F(CgroupLimitsTest, KnowsTheMemoryThatVersion2Leaves) {
  write("proc/cgroup", "0::/pods/one\n");
  write("proc/mountinfo", mount_line("/", "cg", "cgroup2", "rw"));
  write("cg/pods/one/memory.max", "max\n");
  write("cg/pods/memory.max", "1000000\n");
  write("cg/pods/memory.current", "700000\n");
  write("cg/pods/memory.stat", "anon 500000\ninactive_file 50000\nactive_file 9\n");
  const auto room = memory_room(proc());
  ASSERT_TRUE(room);
  EXPECT_EQ(room->limit_bytes, 1'000'000U);
  EXPECT_EQ(room->free_bytes, 350'000U);
  EXPECT_EQ(memory_limit(proc()), 1'000'000U);
}

TEST_F(CgroupLimitsTest, KnowsTheMemoryThatVersion1Leaves) {
  write("proc/cgroup", "4:memory:/one\n3:cpu:/elsewhere\n0::/\n");
  write("proc/mountinfo", mount_line("/", "memory", "cgroup", "rw,memory") +
                              mount_line("/", "cpu", "cgroup", "rw,cpu"));
  write("memory/one/memory.limit_in_bytes", "2000000\n");
  write("memory/one/memory.usage_in_bytes", "3000000\n");  // with caches
  write("memory/one/memory.stat", "inactive_file 1\ntotal_inactive_file 1500000\n");
  write("memory/memory.limit_in_bytes", "9223372036854771712\n");
  const auto room = memory_room(proc());
  ASSERT_TRUE(room);
  EXPECT_EQ(room->free_bytes, 500'000U);
  EXPECT_EQ(memory_limit(proc()), 2'000'000U);
  EXPECT_EQ(cgroup_cpu_limit(proc()), std::nullopt);
}

TEST_F(CgroupLimitsTest, KnowsNoMemoryLimitWhereThereIsNone) {
  write("proc/cgroup", "4:memory:/one\n");
  write("proc/mountinfo", mount_line("/", "memory", "cgroup", "rw,memory"));
  write("memory/one/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(memory_limit(proc()), std::nullopt);
}

}  // namespace
}  // namespace iris
