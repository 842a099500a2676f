#include "dataset/number.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace iris::dataset {
namespace {

TEST(Number, ReadsDecimals) {
  EXPECT_EQ(parse_number("5.1"), 5.1);
  EXPECT_EQ(parse_number("-0.25"), -0.25);
  EXPECT_EQ(parse_number("+3"), 3.0);
  EXPECT_EQ(parse_number("1e-3"), 0.001);
  EXPECT_EQ(parse_number(".5"), 0.5);
  EXPECT_EQ(parse_number("5."), 5.0);
  EXPECT_EQ(parse_number("1.7976931348623157e308"), std::numeric_limits<double>::max());
  EXPECT_EQ(parse_number("5e-324"), std::numeric_limits<double>::denorm_min());
}

TEST(Number, IgnoresBlanksAroundAsPandasDoes) {
  EXPECT_EQ(parse_number(" 5.1"), 5.1);
  EXPECT_EQ(parse_number("5.1 \t"), 5.1);
}

TEST(Number, RefusesEverythingElse) {
  for (const std::string text :
       {"",     " ",      "abc", "5.1cm",     "5 1",   "5,1",    "1_000", "0x10", "nan", "NaN",
        "-nan", "nan(1)", "inf", "-Infinity", "1e999", "-1e999", "+",     "-",    "+-1", "-+1",
        "--1",  ".",      "e5",  "1e",        "\n5",   "5\r",    "NA",    "null", "٣"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(Number, MissingIsBlankOrAWordForIt) {
  EXPECT_TRUE(is_missing(""));
  EXPECT_TRUE(is_missing(" \t "));
  EXPECT_FALSE(is_missing("0"));
  EXPECT_TRUE(is_missing("NA") && !is_blank("NA"));
}

}  // namespace
}  // namespace iris::dataset
