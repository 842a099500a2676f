#include "scale/local/proc_stat.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace iris::scale::local {
namespace {

TEST(ProcStat, ReadsThisProcessAndThisMachine) {
  const auto before = process_cpu_us(::getpid());
  ASSERT_TRUE(before);
  std::uint64_t sum = 0;
  while (*process_cpu_us(::getpid()) < *before + 30'000) sum += sum % 7 + 1;
  EXPECT_GT(sum, 0U);
  EXPECT_GT(*process_memory_bytes(::getpid()), 1U << 20);
  EXPECT_FALSE(process_cpu_us(0x7ffffff0));
  EXPECT_TRUE(host_cpu_us());
  const auto machine = read_machine();
  EXPECT_GE(machine.cores, 1U);
  EXPECT_GT(machine.somaxconn, 0);
  EXPECT_LT(machine.port_low, machine.port_high);
  EXPECT_NE(machine.os, "");
}

}  // namespace
}  // namespace iris::scale::local
