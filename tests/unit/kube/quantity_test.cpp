#include "kube/quantity.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <ostream>

namespace iris::kube {
namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

struct Reading {
  const char* text;
  std::int64_t value;
  std::int64_t milli;
};

std::ostream& operator<<(std::ostream& out, const Reading& reading) {
  return out << reading.text;
}

class QuantityReads : public testing::TestWithParam<Reading> {};

TEST_P(QuantityReads, ValueAndMilliRoundedUp) {
  const auto quantity = Quantity::parse(GetParam().text);
  ASSERT_TRUE(quantity) << quantity.error().message;
  EXPECT_EQ(quantity->value(), GetParam().value);
  EXPECT_EQ(quantity->milli(), GetParam().milli);
}

INSTANTIATE_TEST_SUITE_P(
    Notations, QuantityReads,
    testing::Values(Reading{"0", 0, 0}, Reading{"100m", 1, 100}, Reading{"0.5", 1, 500},
                    Reading{".5", 1, 500}, Reading{"5.", 5, 5'000}, Reading{"+2", 2, 2'000},
                    Reading{"1e3", 1'000, 1'000'000}, Reading{"1E3", 1'000, 1'000'000},
                    Reading{"1e+3", 1'000, 1'000'000}, Reading{"25e-2", 1, 250},
                    Reading{"1k", 1'000, 1'000'000}, Reading{"3M", 3'000'000, 3'000'000'000},
                    Reading{"1G", 1'000'000'000, 1'000'000'000'000},
                    Reading{"1T", 1'000'000'000'000, 1'000'000'000'000'000},
                    Reading{"1P", 1'000'000'000'000'000, 1'000'000'000'000'000'000},
                    Reading{"1E", 1'000'000'000'000'000'000, kLargest},
                    Reading{"1Ki", 1'024, 1'024'000},
                    Reading{"128Mi", 134'217'728, 134'217'728'000},
                    Reading{"1Gi", 1'073'741'824, 1'073'741'824'000},
                    Reading{"1.5Gi", 1'610'612'736, 1'610'612'736'000},
                    Reading{"1Ti", std::int64_t{1} << 40, (std::int64_t{1} << 40) * 1'000},
                    Reading{"1Ei", std::int64_t{1} << 60, kLargest}, Reading{"-2", -2, -2'000},
                    Reading{"0000000000000000000000000000001", 1, 1'000}));

INSTANTIATE_TEST_SUITE_P(RoundedUp, QuantityReads,
                         testing::Values(Reading{"1n", 1, 1}, Reading{"1u", 1, 1},
                                         Reading{"1001u", 1, 2}, Reading{"1000u", 1, 1},
                                         Reading{"0.0001", 1, 1}, Reading{"1.0001", 2, 1'001},
                                         Reading{"123456789n", 1, 124},
                                         // Finer than a billionth: rounded up to one.
                                         Reading{"0.0000000001", 1, 1},
                                         Reading{"0.1Ki", 103, 102'400}));

INSTANTIATE_TEST_SUITE_P(TooLargeIsTheLargest, QuantityReads,
                         testing::Values(Reading{"8Ei", kLargest, kLargest},
                                         Reading{"9223372036854775807", kLargest, kLargest},
                                         Reading{"9999999999999999999Ei", kLargest, kLargest},
                                         Reading{"1e40", kLargest, kLargest}));

TEST(Quantity, RefusesWhatIsNone) {
  for (const char* text : {"",
                           "abc",
                           "1 Gi",
                           "1gi",
                           "1KI",
                           "1K",
                           "m",
                           ".",
                           "-",
                           "1.2.3",
                           "1e",
                           "1e+",
                           "1e+-3",
                           "1e999",
                           "0x10",
                           "1,5",
                           "12345678901234567890",
                           "1mm",
                           "--1",
                           "1Gi ",
                           "NaN",
                           "1ee3"}) {
    EXPECT_FALSE(Quantity::parse(text)) << text;
  }
  EXPECT_EQ(Quantity::parse("abc").error().message,
            "expected a quantity such as 250m, 0.5, 128Mi or 1e3, found \"abc\"");
}

TEST(Quantity, ApproximatesAsUpstreamDoes) {
  // Digits × 10^exponent in one product: 0.1 and 100m are the same double here.
  EXPECT_EQ(Quantity::parse("0.1")->approximate(), 0.1);
  EXPECT_EQ(Quantity::parse("100m")->approximate(), 100 * 1e-3);
  EXPECT_EQ(Quantity::parse("0.05")->approximate(), 5 * 1e-2);
  EXPECT_EQ(Quantity::parse("2")->approximate(), 2.0);
  EXPECT_EQ(Quantity::parse("-1Ki")->approximate(), -1024.0);
}

TEST(Quantity, EqualIsByValue) {
  EXPECT_EQ(*Quantity::parse("1"), *Quantity::parse("1000m"));
  EXPECT_EQ(*Quantity::parse("1Ki"), Quantity::from_value(1024));
  EXPECT_EQ(*Quantity::parse("250m"), Quantity::from_milli(250));
  EXPECT_FALSE(*Quantity::parse("1") == *Quantity::parse("1001m"));
  EXPECT_EQ(Quantity::from_milli(2'500).milli(), 2'500);
  EXPECT_TRUE(Quantity::parse("-1n")->negative());
}

}  // namespace
}  // namespace iris::kube
