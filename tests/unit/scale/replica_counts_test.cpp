#include "scale/replica_counts.hpp"

#include <gtest/gtest.h>

namespace iris::scale {
namespace {

TEST(ReadCounts, SumsOverRoutesAndCodesButForHealthChecks) {
  const auto counts = read_counts(
      "# HELP iris_responses_total Answers.\n"
      "iris_requests_received_total 120\n"
      "iris_responses_total{route=\"predict\",code=\"200\"} 100\n"
      "iris_responses_total{route=\"predict\",code=\"400\"} 7\n"
      "iris_responses_total{route=\"other\",code=\"404\"} 1\n"
      "iris_responses_total{route=\"health\",code=\"200\"} 3\n"
      "iris_connections 12\n"
      "iris_connections_accepted_total 99\n"
      "iris_request_duration_seconds_sum 0.25\n"
      "process_cpu_seconds_total 1.25\n"
      "process_resident_memory_bytes 9000000\n");
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->received, 117U);
  EXPECT_EQ(counts->answered, 108U);
  EXPECT_EQ(counts->errors, 8U);
  EXPECT_EQ(counts->connections, 12U);
  EXPECT_EQ(counts->cpu_us, 1'250'000U);
  EXPECT_EQ(counts->memory_bytes, 9'000'000U);
}

TEST(ReadCounts, WhatTheProcessUsedMayBeUnknown) {
  const auto counts =
      read_counts("iris_requests_received_total 1\niris_responses_total{} 1\niris_connections 0\n");
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_FALSE(counts->cpu_us);
  EXPECT_FALSE(counts->memory_bytes);
}

TEST(ReadCounts, RefusesMetricsOfAnotherProgram) {
  EXPECT_FALSE(read_counts("http_requests_total 5\n"));
  EXPECT_FALSE(read_counts("iris_requests_received_total 5\n"));
  EXPECT_FALSE(read_counts(""));
}

}  // namespace
}  // namespace iris::scale
