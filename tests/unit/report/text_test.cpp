#include "report/text.hpp"

#include <gtest/gtest.h>

namespace iris::report {
namespace {

TEST(Text, GroupsThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(60911.6), "60,912");
  EXPECT_EQ(grouped(1234567.891, 2), "1,234,567.89");
  EXPECT_EQ(grouped(-1234), "-1,234");
  EXPECT_EQ(grouped(-0.2), "0");
}

TEST(Text, ChoosesDigitsByMagnitude) {
  EXPECT_EQ(milliseconds(900), "0.90 ms");
  EXPECT_EQ(milliseconds(84'100), "84.1 ms");
  EXPECT_EQ(milliseconds(1'204'000), "1,204 ms");
  EXPECT_EQ(bytes(536'870'912), "512 MiB");
  EXPECT_EQ(bytes(8'350'000'000), "7.8 GiB");
}

TEST(Text, NeverRoundsAPartToAllOrNothing) {
  EXPECT_EQ(percent(0), "0 %");
  EXPECT_EQ(percent(0.001), "<1 %");
  EXPECT_EQ(percent(0.99), "99 %");
  EXPECT_EQ(percent(0.9991), ">99 %");
  EXPECT_EQ(percent(1), "100 %");
}

TEST(Text, ShowsWhatIsMissingAsMissing) {
  for (const auto& text :
       {count({}), milliseconds({}), percent({}), times({}), seconds({}), bytes({})}) {
    EXPECT_EQ(text, kMissing);
  }
}

TEST(Text, EscapesForHtml) {
  EXPECT_EQ(html_escaped("<a b=\"c\" d='e'>&amp;"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;");
  EXPECT_EQ(html_escaped("a\x1b[1m\u202e"), "a\\u001b[1m\\u202e");
}

}  // namespace
}  // namespace iris::report
