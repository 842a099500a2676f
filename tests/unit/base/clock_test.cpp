#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace iris {
namespace {

using namespace std::chrono_literals;

TEST(Rfc3339, WritesOnlyTheFractionThatIsNeeded) {
  const WallTime noon{std::chrono::sys_days{std::chrono::year{2025} / 1 / 31} + 12h};
  EXPECT_EQ(to_rfc3339(noon), "2025-01-31T12:00:00Z");
  EXPECT_EQ(to_rfc3339(noon + 5ms), "2025-01-31T12:00:00.005Z");
  EXPECT_EQ(to_rfc3339(noon + 5us), "2025-01-31T12:00:00.000005Z");
  EXPECT_EQ(to_rfc3339(noon + 5ns), "2025-01-31T12:00:00.000000005Z");
}

TEST(Rfc3339, ReadsOffsetsAndFractions) {
  for (const char* text : {"2025-01-31T12:00:00.25Z", "2025-01-31T14:30:00.25+02:30",
                           "2025-01-31T07:00:00.250000000-05:00", "2025-01-31t12:00:00.25z"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_rfc3339(*time), "2025-01-31T12:00:00.250Z") << text;
  }
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "2025-01-31", "2025-02-30T00:00:00Z", "2025-01-31T24:00:00Z", "2025-01-31T12:00:00",
        "2025-01-31T12:00:00.Z", "2025-01-31T12:00:00Zx", "2025-01-31T12:00:00.1234567890Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Duration, ReadsUnitsAndTheirSums) {
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(*parse_duration("1h30m"), 90min);
  EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(*parse_duration("10us"), 10us);
}

TEST(Duration, RefusesWhatIsNone) {
  for (const char* text :
       {"", "5", "s", "-1s", "1x", "1s ", "1e400s", "999999999h", "nan", "infs"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

}  // namespace
}  // namespace iris
