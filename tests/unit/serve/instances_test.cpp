#include "serve/instances.hpp"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "base/limits.hpp"
#include "example_model.hpp"
#include "http/request.hpp"

namespace iris::serve {
namespace {

struct Parsed {
  bool good = false;
  Instances instances;
  Rejection rejection;
};

Parsed parse(InstancesParser& parser, std::string body) {
  const std::size_t size = body.size();
  body.append(http::kBodyPadding, '}');  // what lies behind must not matter
  Parsed parsed;
  parsed.good = parser.parse(std::string_view(body.data(), size), parsed.instances);
  if (!parsed.good) parsed.rejection = parser.rejection();
  return parsed;
}

Parsed parse(const std::string& body) {
  InstancesParser parser(example_model().signature);
  return parse(parser, body);
}

using Values = std::vector<float>;

TEST(Instances, ReadsRowsAsArraysAndObjectsInAnyOrder) {
  const auto parsed =
      parse(R"({"instances":[[1,2.5],{"height":-4e0,"width":3},{"width":5,"height":6}]})");
  ASSERT_TRUE(parsed.good) << parsed.rejection.message;
  EXPECT_EQ(parsed.instances.rows, 3U);
  EXPECT_EQ(parsed.instances.values, (Values{1, 2.5, 3, -4, 5, 6}));
  EXPECT_FALSE(parsed.instances.probabilities);
}

TEST(Instances, TakesParametersBeforeAndAfterTheRows) {
  EXPECT_TRUE(parse(R"({"instances":[[1,2]],"parameters":{"probabilities":true}})")
                  .instances.probabilities);
  EXPECT_TRUE(parse(R"({"parameters":{"probabilities":true},"instances":[[1,2]]})")
                  .instances.probabilities);
  EXPECT_FALSE(parse(R"({"parameters":{"probabilities":false},"instances":[[1,2]]})")
                   .instances.probabilities);
  EXPECT_TRUE(parse(R"({"parameters":{},"instances":[[1,2]]})").good);
}

TEST(Instances, TakesNullForAParameterThatIsNotSent) {
  for (const char* parameters : {"null", "{}", R"({"probabilities":null})"}) {
    for (const auto& body :
         {fmt::format(R"({{"instances":[[1,2]],"parameters":{}}})", parameters),
          fmt::format(R"({{"parameters" : {} , "instances":[[1,2]]}})", parameters)}) {
      const auto parsed = parse(body);
      EXPECT_TRUE(parsed.good) << body << parsed.rejection.message;
      EXPECT_FALSE(parsed.instances.probabilities);
    }
  }
  EXPECT_FALSE(parse(R"({"instances":null})").good);
  EXPECT_FALSE(parse(R"({"instances":[[1,2]],"parameters":nul})").good);
  EXPECT_FALSE(parse(R"({"instances":[[1,2]],"parameters":nullx})").good);
  EXPECT_FALSE(parse(R"({"instances":[[1,2]],"parameters":{"other":null}})").good);
}

TEST(Instances, SkipsAByteOrderMark) {
  const std::string mark = "\xef\xbb\xbf";
  for (const char* body : {R"({"instances":[[1,2]]})", R"( {"instances":[[1e0,2]]})"}) {
    const auto parsed = parse(mark + body);
    EXPECT_TRUE(parsed.good) << parsed.rejection.message;
    EXPECT_EQ(parsed.instances.values, (Values{1, 2}));
  }
  EXPECT_EQ(parse(mark + R"({"instances":[[1,2])").rejection.message,
            "the body is not JSON: unexpected end at byte 22");
  for (const auto& body :
       {mark, mark + mark + R"({"instances":[[1,2]]})", std::string("\xef\xbb{}")}) {
    EXPECT_EQ(parse(body).rejection.reason, "json_syntax") << body;
  }
}

TEST(Instances, ReadsKeysWithEscapes) {
  const auto parsed = parse(R"({"inst\u0061nces":[{"w\u0069dth":1,"height":2}]})");
  ASSERT_TRUE(parsed.good) << parsed.rejection.message;
  EXPECT_EQ(parsed.instances.values, (Values{1, 2}));
}

TEST(Instances, AllowsOtherKeysThatAreJson) {
  EXPECT_TRUE(
      parse(R"({"signature_name":"x","instances":[[1,2]],"n":[null,true,{"a":1e3}]})").good);
}

TEST(Instances, ReadsTheEdgesOfTheNumbers) {
  const auto parsed = parse(
      R"({"instances":[[3.4028234e38,-3.4028234e38],[1e-400,-0.0],[12345678901234567890123,7]]})");
  ASSERT_TRUE(parsed.good) << parsed.rejection.message;
  EXPECT_EQ(parsed.instances.values[2], 0.0F);
  EXPECT_FLOAT_EQ(parsed.instances.values[4], 1.2345679e22F);
}

// With twenty digits behind "0." simdjson 3.0.1 itself reads 0.0021 for the first of them.
TEST(Instances, ReadsNumbersOfManyDigits) {
  const auto parsed = parse(
      R"({"instances":[[0.55557777777777777777,-0.25346206299613848575],)"
      R"({"height":0.0924994746154268880166, "width": 1.00000000000000000000000000000000000001e2 }],)"
      R"("other":[0.10000000000000000555,2]})");
  ASSERT_TRUE(parsed.good) << parsed.rejection.message;
  EXPECT_EQ(parsed.instances.values, (Values{0.55557777777777777777F, -0.25346206299613848575F, 100,
                                             0.0924994746154268880F}));
  EXPECT_EQ(parse(R"({"instances":[[0.00000000000000000001e-400,123456789012345678e-400]]})")
                .instances.values,
            (Values{0, 0}));
  EXPECT_EQ(parse(R"({"instances":[[0.555577777777777777770x,1]]})").rejection.reason,
            "json_syntax");
  EXPECT_EQ(parse(R"({"instances":[[123456789012345678901234567890e300,1]]})").rejection.reason,
            "number_range");
  EXPECT_EQ(parse(R"({"instances":[["0.55557777777777777777",1]]})").rejection.reason, "json_type");
  EXPECT_EQ(
      parse(R"({"instances":[[1,2]],"x":123456789012345678901234567890e300})").rejection.reason,
      "number_range");
}

TEST(Instances, NamesThePlaceOfEveryFault) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {R"({"instances":[[1,2],[1,"abc"]]})", "json_type",
       R"(instances[1][1]: expected a number, got string "abc")"},
      {R"({"instances":[[1,null]]})", "json_type", "instances[0][1]: expected a number, got null"},
      {R"({"instances":[[true,1]]})", "json_type", "instances[0][0]: expected a number, got true"},
      {R"({"instances":[[[1],1]]})", "json_type",
       "instances[0][0]: expected a number, got an array"},
      {R"({"instances":[{"width":{},"height":1}]})", "json_type",
       R"(instances[0]["width"]: expected a number, got an object)"},
      {R"({"instances":[[1]]})", "width",
       "instances[0]: expected 2 numbers (width, height), got 1"},
      {R"({"instances":[[1,2],[1,2,3,"x"]]})", "width",
       "instances[1]: expected 2 numbers (width, height), got 4"},
      {R"({"instances":[[]]})", "width", "instances[0]: expected 2 numbers (width, height), got 0"},
      {R"({"instances":[{"width":1}]})", "feature", R"(instances[0]: feature "height" is missing)"},
      {R"({"instances":[{"width":1,"depth":2}]})", "feature",
       R"(instances[0]: unknown feature "depth"; expected width, height)"},
      {R"({"instances":[{"width":1,"width":2}]})", "feature",
       R"(instances[0]: feature "width" is given twice)"},
      {R"({"instances":[[1e39,1]]})", "number_range",
       "instances[0][0]: expected a number within ±3.4e+38 (float32), got 1e39"},
      {R"({"instances":[[1,-1e400]]})", "number_range",
       "instances[0][1]: expected a number within ±3.4e+38 (float32), got -1e400"},
      {R"({"instances":[7]})", "json_type",
       "instances[0]: expected a row as an array or an object, got 7"},
      {R"({"instances":{"width":1}})", "json_type",
       "instances: expected an array of rows, got an object"},
      {R"({"instances":[]})", "json_type", "instances: expected at least one row"},
      {R"({"instances":[[1,2]],"instances":[[1,2]]})", "json_type", "\"instances\" is given twice"},
      {R"({"rows":[[1,2]]})", "json_type", "expected a key \"instances\""},
      {R"([[1,2]])", "json_type", "expected an object with a key \"instances\""},
      {R"("text")", "json_type", "expected an object with a key \"instances\""},
      {R"({"instances":[[1,2]],"parameters":[]})", "json_type",
       "parameters: expected an object, got an array"},
      {R"({"instances":[[1,2]],"parameters":{"probabilities":"yes"}})", "json_type",
       R"(parameters.probabilities: expected true or false, got string "yes")"},
      {R"({"instances":[[1,2]],"parameters":{"probability":true}})", "parameter",
       R"(parameters: unknown parameter "probability"; expected "probabilities")"},
      {"", "json_syntax", "the body is empty; expected JSON"},
      {" \n", "json_syntax", "the body is empty; expected JSON"},
  };
  for (const auto& [body, reason, message] : cases) {
    const auto parsed = parse(body);
    EXPECT_FALSE(parsed.good) << body;
    EXPECT_EQ(parsed.rejection.message, message) << body;
    EXPECT_EQ(parsed.rejection.reason, reason) << body;
  }
}

TEST(Instances, SaysWhereTheBodyStopsBeingJson) {
  const std::tuple<std::string, std::size_t> cases[] = {
      {R"({"instances":[[1,2]})", 19},                 // ] is missing
      {R"({"instances":[[1,2]],})", 21},               // a key is missing
      {R"({"instances":[[1,2],]})", 20},               // a row is missing
      {R"({"instances":[[1 2]]})", 17},                // a comma is missing
      {R"({"instances":[[1,tru]]})", 20},              // not a literal
      {R"({"instances":[[1,NaN]]})", 17},              //
      {R"({"instances":[[01,2]]})", 16},               // a leading zero
      {R"({"instances":[[1,2]]} {})", 22},             // a second document
      {R"({"instances":[[1,2]],"x":nul})", 28},        // behind the rows, too
      {"{\"instances\":[[1,2]],\"x\":\"\xff\"}", 26},  // not UTF-8
      {R"({"instances":[[1,2]],"x":"\q"})", 27},       // not an escape
      {R"({"instances":[[1,2)", 18},
  };
  for (const auto& [body, offset] : cases) {
    const auto parsed = parse(body);
    EXPECT_FALSE(parsed.good) << body;
    EXPECT_EQ(parsed.rejection.reason, "json_syntax") << body;
    EXPECT_TRUE(parsed.rejection.message.ends_with(" at byte " + std::to_string(offset)))
        << body << ": " << parsed.rejection.message << ", expected " << offset;
  }
}

TEST(Instances, BoundsDepthAndRows) {
  const std::string deep(2000, '[');
  EXPECT_FALSE(parse(R"({"instances":[[1,2]],"x":)" + deep + "}").good);
  const auto closed = parse(R"({"instances":[[1,2]],"x":)" + deep + std::string(2000, ']') + "}");
  EXPECT_FALSE(closed.good);
  EXPECT_EQ(closed.rejection.reason, "json_depth");

  std::string rows = R"({"instances":[[1,2])";
  for (std::size_t i = 1; i < limits::kRowsPerRequest; ++i) rows += ",[1,2]";
  EXPECT_TRUE(parse(rows + "]}").good);
  const auto parsed = parse(rows + ",[1,2]]}");
  EXPECT_FALSE(parsed.good);
  EXPECT_EQ(parsed.rejection.reason, "rows");
}

TEST(Instances, QuotesNoMoreThanNeeded) {
  const auto parsed = parse(R"({"instances":[["ääääääääääääääääääääääääääääääääääääääääää",1]]})");
  ASSERT_FALSE(parsed.good);
  EXPECT_LT(parsed.rejection.message.size(), 100U);
  EXPECT_TRUE(parsed.rejection.message.ends_with("ä…\"")) << parsed.rejection.message;
}

TEST(Instances, ForgetsTheLastBody) {
  InstancesParser parser(example_model().signature);
  EXPECT_FALSE(parse(parser, R"({"instances":[{"width":1}]})").good);
  EXPECT_FALSE(parse(parser, R"({"instances":[{"height":1}]})").good);
  const auto parsed = parse(parser, R"({"instances":[[8,9]]})");
  ASSERT_TRUE(parsed.good);
  EXPECT_EQ(parsed.instances.values, (Values{8, 9}));
}

}  // namespace
}  // namespace iris::serve
