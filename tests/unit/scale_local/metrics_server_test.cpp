#include "scale/local/metrics_server.hpp"

#include <gtest/gtest.h>

namespace iris::scale::local {
namespace {

using namespace std::chrono_literals;

// A reading `at` after an origin, on a controller clock ten times as fast as the real one.
UsageReading reading(Nanoseconds at, std::uint64_t cpu_us) {
  return {WallTime{} + at, SteadyTime{} + at / 10, cpu_us, 1'000'000};
}

TEST(MetricsServer, ReportsRealCpuOverAWindowOfControllerTime) {
  MetricsServer server;
  server.add("p", reading(0s, 0), reading(60s, 100'000));
  EXPECT_TRUE(server.metrics("c").empty());
  // 15 s of the controller are 1.5 s: 337.5 ms of CPU in them are 225 milli-CPU.
  server.add("p", reading(0s, 0), reading(75s, 437'500));
  const auto metrics = server.metrics("c");
  ASSERT_EQ(metrics.size(), 1U);
  EXPECT_EQ(metrics[0].metadata.name, "p");
  EXPECT_EQ(metrics[0].timestamp, WallTime{} + 75s);
  EXPECT_EQ(metrics[0].window, 15s);
  EXPECT_EQ(metrics[0].containers[0].name, "c");
  EXPECT_EQ(metrics[0].containers[0].usage.at("cpu").milli(), 225);
}

TEST(MetricsServer, ReportsAFreshContainerFromItsStart) {
  MetricsServer server;
  server.add("young", reading(50s, 0), reading(59s, 90'000));
  server.add("fresh", reading(48s, 0), reading(60s, 120'000));
  const auto metrics = server.metrics("c");
  ASSERT_EQ(metrics.size(), 1U);
  EXPECT_EQ(metrics[0].metadata.name, "fresh");
  EXPECT_EQ(metrics[0].window, 12s);
  EXPECT_EQ(metrics[0].containers[0].usage.at("cpu").milli(), 100);
}

TEST(MetricsServer, ForgetsAPodThatIsGone) {
  MetricsServer server;
  server.add("p", reading(0s, 0), reading(60s, 1));
  server.add("p", reading(0s, 0), reading(75s, 2));
  server.forget("p");
  EXPECT_TRUE(server.metrics("c").empty());
}

}  // namespace
}  // namespace iris::scale::local
