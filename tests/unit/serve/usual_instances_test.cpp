// Which bodies are read without a JSON parser, and that it makes no difference.
#include "serve/usual_instances.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/limits.hpp"
#include "example_model.hpp"
#include "http/request.hpp"

namespace iris::serve {
namespace {

constexpr std::size_t kTwoFeatures = 2;

bool is_usual(const std::string& body) {
  Instances instances;
  return read_usual_instances(body, kTwoFeatures, instances);
}

// One row as arrays; the other key sends the body to the JSON parser.
std::vector<float> by_json_parser(const std::string& row) {
  InstancesParser parser(example_model().signature);
  std::string body = R"({"other":0,"instances":[)" + row + "]}";
  const std::size_t size = body.size();
  body.append(http::kBodyPadding, ' ');
  Instances instances;
  EXPECT_TRUE(parser.parse(std::string_view(body.data(), size), instances)) << row;
  return instances.values;
}

TEST(UsualInstances, TakesRowsOfPlainNumbersWithAnySpace) {
  for (const char* body : {R"({"instances":[[1,2]]})", R"({"instances": [[5.0, 3.3], [-6.1, 0]]})",
                           " {\r\n\t\"instances\" :\n[ [ 0.5 , -0 ] ,[1,2]\t] } \n",
                           R"({"instances":[[123456789012345,-0.12345678901234]]})"}) {
    EXPECT_TRUE(is_usual(body)) << body;
  }
}

TEST(UsualInstances, LeavesEverythingElse) {
  for (const char* body : {"",
                           "{",
                           R"({"instances":[]})",
                           R"({"instances":[[]]})",
                           R"({"instances":[[1]]})",
                           R"({"instances":[[1,2,3]]})",
                           R"({"instances":[[1,2],]})",
                           R"({"instances":[[1,2]])",
                           R"({"instances":[[1,2]]}})",
                           R"({"instances":[[1,2]],"parameters":{}})",
                           R"({"instances":[{"width":1,"height":2}]})",
                           R"({"instances":[[1,2e0]]})",
                           R"({"instances":[[1,2E0]]})",
                           R"({"instances":[[01,2]]})",
                           R"({"instances":[[-,2]]})",
                           R"({"instances":[[+1,2]]})",
                           R"({"instances":[[.5,2]]})",
                           R"({"instances":[[1.,2]]})",
                           R"({"instances":[[1,2.]]})",
                           R"({"instances":[[1 0,2]]})",
                           R"({"instances":[[1,"2"]]})",
                           R"({"instances":[[1,null]]})",
                           R"({"instances":[[1,NaN]]})",
                           R"({"instances":[[1234567890123456,2]]})",
                           R"({"instances":[[0.1234567890123456,2]]})",
                           R"({"inst\u0061nces":[[1,2]]})",
                           R"(["instances",[[1,2]]])",
                           R"({"instance":[[1,2]]})",
                           R"({"instances":[[1,2]]} {"instances":[[1,2]]})"}) {
    EXPECT_FALSE(is_usual(body)) << body;
  }
}

TEST(UsualInstances, ReadsNothingBehindTheBody) {
  const std::string body = R"({"instances":[[1,2]]})";
  for (std::size_t size = 0; size < body.size(); ++size) {
    // A buffer of just that size, so that the address sanitizer sees a byte too many.
    const std::vector<char> cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
    Instances instances;
    EXPECT_FALSE(read_usual_instances({cut.data(), cut.size()}, kTwoFeatures, instances)) << size;
  }
}

TEST(UsualInstances, BoundsTheRows) {
  std::string rows = R"({"instances":[[1,2])";
  for (std::size_t i = 1; i < limits::kRowsPerRequest; ++i) rows += ",[1,2]";
  EXPECT_TRUE(is_usual(rows + "]}"));
  EXPECT_FALSE(is_usual(rows + ",[1,2]]}"));
}

TEST(UsualInstances, NumbersAreThoseOfTheJsonParserBitForBit) {
  std::mt19937_64 random(4);
  Instances instances;
  for (int i = 0; i < 20'000; ++i) {
    // Nine digits at most before the point, six behind it.
    auto number = std::to_string(random() % 1'000'000'000 >> random() % 30);
    const auto fraction = std::to_string(1'000'000 + random() % 1'000'000).substr(1);
    if (const auto digits = random() % 7; digits > 0) number += "." + fraction.substr(0, digits);
    if (random() % 2 == 0) number.insert(0, "-");
    const std::string row = "[" + number + ",-0]";
    ASSERT_TRUE(read_usual_instances(R"({"instances":[)" + row + "]}", kTwoFeatures, instances))
        << number;
    const auto expected = by_json_parser(row);
    for (std::size_t feature = 0; feature < kTwoFeatures; ++feature) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(instances.values[feature]),
                std::bit_cast<std::uint32_t>(expected[feature]))
          << number;
    }
  }
}

}  // namespace
}  // namespace iris::serve
