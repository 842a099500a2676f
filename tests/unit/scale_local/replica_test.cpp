#include "scale/local/replica.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "scale/local/proc_stat.hpp"

namespace iris::scale::local {
namespace {

TEST(ReadCounts, SumsOverRoutesAndCodes) {
  const auto counts = read_counts(
      "# HELP iris_responses_total Answers.\n"
      "iris_requests_received_total 120\n"
      "iris_responses_total{route=\"/predict\",code=\"200\"} 100\n"
      "iris_responses_total{route=\"/predict\",code=\"400\"} 7\n"
      "iris_responses_total{route=\"/health\",code=\"204\"} 3\n"
      "iris_connections 12\n"
      "iris_connections_accepted_total 99\n"
      "iris_request_duration_seconds_sum 0.25\n");
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->received, 120U);
  EXPECT_EQ(counts->answered, 110U);
  EXPECT_EQ(counts->errors, 7U);
  EXPECT_EQ(counts->connections, 12U);
}

TEST(ReadCounts, RefusesMetricsOfAnotherProgram) {
  EXPECT_FALSE(read_counts("http_requests_total 5\n"));
  EXPECT_FALSE(read_counts("iris_requests_received_total 5\n"));
  EXPECT_FALSE(read_counts(""));
}

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
