#include "serve/v2_request.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <tuple>

#include "example_model.hpp"
#include "http/request.hpp"

namespace iris::serve {
namespace {

using Values = std::vector<float>;

// A parser and the body that it was given last, which the request's views point into.
class V2RequestTest : public testing::Test {
 protected:
  bool parse(const std::string& json, const std::string& binary = {},
             std::optional<std::size_t> json_bytes = std::nullopt) {
    body_ = json + binary;
    if (!binary.empty() && !json_bytes) json_bytes = json.size();
    const std::size_t size = body_.size();
    body_.append(http::kBodyPadding, '}');  // what lies behind must not matter
    return parser_.parse(std::string_view(body_.data(), size), json_bytes, request_);
  }
  const Rejection& rejection() const { return parser_.rejection(); }
  // Only of JSON that is known is the id taken from where it stands: a JSON parser copies it.
  bool was_known() const {
    return request_.id->data() >= body_.data() && request_.id->data() < body_.data() + body_.size();
  }

  V2RequestParser parser_{example_model().signature};
  std::string body_;
  V2Request request_;
};

// {"inputs":[…]} of one input with these entries.
std::string input(const std::string& entries) {
  return R"({"inputs":[{)" + entries + "}]}";
}

template <class... Numbers>
std::string bytes_of(Numbers... numbers) {
  std::string bytes;
  const auto add = [&](auto number) {
    char text[sizeof number];
    std::memcpy(text, &number, sizeof number);
    bytes.append(text, sizeof number);
  };
  (add(numbers), ...);
  return bytes;
}

TEST_F(V2RequestTest, ReadsRowsNestedAndFlat) {
  for (const char* data : {"[[1,2.5],[-3,4e0]]", "[1,2.5,-3,4e0]"}) {
    ASSERT_TRUE(parse(
        input(std::string(R"("name":"input","shape":[2,2],"datatype":"FP32","data":)") + data)))
        << rejection().message;
    EXPECT_EQ(request_.rows, 2U);
    EXPECT_EQ(request_.values, (Values{1, 2.5, -3, 4}));
  }
}

TEST_F(V2RequestTest, ReadsNumbersOfManyDigits) {
  ASSERT_TRUE(parse(input(R"("name":"input","shape":[1,2],"datatype":"FP64",)"
                          R"("data":[0.55557777777777777777,-0.25346206299613848575])")))
      << rejection().message;
  EXPECT_EQ(request_.values, (Values{0.55557777777777777777F, -0.25346206299613848575F}));
}

TEST_F(V2RequestTest, ReadsKeysInAnyOrder) {
  ASSERT_TRUE(parse(
      R"({"outputs":[{"parameters":{"x":1},"name":"label"}],"inputs":[{"data":[1,2],"datatype":"FP64",)"
      R"("parameters":{"content_type":"np"},"shape":[1,2],"name":"input","more":null}],"id":"a\u0062"})"))
      << rejection().message;
  EXPECT_EQ(request_.values, (Values{1, 2}));
  EXPECT_EQ(request_.id, "ab");
  ASSERT_EQ(request_.outputs().size(), 1U);
  EXPECT_EQ(request_.outputs()[0].output, V2Output::kLabel);
}

// As clients send it that write every member that they know of.
TEST_F(V2RequestTest, TakesNullForWhatIsNotSent) {
  const std::string json =
      R"({"id":null,"parameters":null,"outputs":null,"model_name":null,)"
      R"("inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","parameters":null,)";
  for (int again = 0; again < 3; ++again) {  // the second time it is known
    ASSERT_TRUE(parse(json + R"("data":[1,2]}]})")) << rejection().message;
    EXPECT_EQ(request_.values, (Values{1, 2}));
    EXPECT_FALSE(request_.id);
    EXPECT_EQ(request_.outputs().size(), 2U);
    EXPECT_FALSE(request_.wants_binary());
  }
  ASSERT_TRUE(parse(json + R"("data":[3,4]}]})"));
  EXPECT_EQ(request_.values, (Values{3, 4}));
  ASSERT_TRUE(parse(R"({"id":"7",)" + json.substr(11) + R"("data":[1,2]}]})"));
  EXPECT_EQ(request_.id, "7");
  ASSERT_TRUE(parse(R"({"id":null,"id":"7",)" + json.substr(11) + R"("data":[1,2]}]})"));
  EXPECT_EQ(request_.id, "7");
}

TEST_F(V2RequestTest, TakesNullForParametersThatAreNotSent) {
  ASSERT_TRUE(parse(
      R"({"parameters":{"binary_data_output":null,"x":null},"inputs":[{"name":"input",)"
      R"("shape":[1,2],"datatype":"FP32","data":[1,2],"parameters":{"binary_data_size":null,)"
      R"("shared_memory_region":null}}],"outputs":[{"name":"label","parameters":null},)"
      R"({"name":"probabilities","parameters":{"binary_data":null,"classification":null}}]})"))
      << rejection().message;
  EXPECT_FALSE(request_.wants_binary());
  ASSERT_TRUE(parse(input(R"("name":"input","shape":[1,2],"datatype":"FP32","data":null,)"
                          R"("parameters":{"binary_data_size":8})"),
                    bytes_of(1.0F, 2.0F)))
      << rejection().message;
  EXPECT_EQ(request_.values, (Values{1, 2}));
}

TEST_F(V2RequestTest, RefusesNullForWhatIsNeeded) {
  const std::string rest = R"("shape":[1,2],"datatype":"FP32","data":[1,2])";
  for (const auto& json :
       {std::string(R"({"inputs":null})"), input(R"("name":null,)" + rest),
        input(R"("name":"input","shape":null,"datatype":"FP32","data":[1,2])"),
        input(R"("name":"input","shape":[1,2],"datatype":null,"data":[1,2])"),
        input(R"("name":"input","shape":[1,2],"datatype":"FP32","data":null)"),
        input(R"("name":"input","shape":[1,2],"datatype":"FP32","data":[1,null])"),
        std::string(R"({"inputs":[null]})"),
        R"({"id":nul,)" + input(R"("name":"input",)" + rest).substr(1),
        R"({"id":nullx,)" + input(R"("name":"input",)" + rest).substr(1),
        R"({"outputs":[null],)" + input(R"("name":"input",)" + rest).substr(1),
        R"({"outputs":[{"name":null}],)" + input(R"("name":"input",)" + rest).substr(1)}) {
    EXPECT_FALSE(parse(json)) << json;
    EXPECT_FALSE(rejection().message.empty());
  }
}

TEST_F(V2RequestTest, SkipsAByteOrderMark) {
  const std::string json =
      "\xef\xbb\xbf" + input(R"("name":"input","shape":[1,2],"datatype":"FP32",)"
                             R"("parameters":{"binary_data_size":8})");
  for (int again = 0; again < 3; ++again) {
    ASSERT_TRUE(parse(json, bytes_of(1.0F, 2.0F))) << rejection().message;
    EXPECT_EQ(request_.values, (Values{1, 2}));
    ASSERT_TRUE(parse("\xef\xbb\xbf" + input(R"("name":"input","shape":[1,2],"datatype":"FP32",)"
                                             R"("data":[3,4])")));
    EXPECT_EQ(request_.values, (Values{3, 4}));
  }
}

TEST_F(V2RequestTest, ReadsATensorForEachFeature) {
  ASSERT_TRUE(
      parse(R"({"inputs":[{"name":"height","shape":[2,1],"datatype":"INT64","data":[[1],[2]]},)"
            R"({"name":"width","shape":[2],"datatype":"UINT8","data":[3,4]}]})"))
      << rejection().message;
  EXPECT_EQ(request_.values, (Values{3, 1, 4, 2}));
}

TEST_F(V2RequestTest, NoOutputsMeansAll) {
  for (const char* outputs : {"", R"(,"outputs":[])"}) {
    ASSERT_TRUE(
        parse(std::string(
                  R"({"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1,2]}])") +
              outputs + "}"));
    ASSERT_EQ(request_.outputs().size(), 2U);
    EXPECT_TRUE(request_.wants(V2Output::kProbabilities));
    EXPECT_FALSE(request_.wants_binary());
  }
}

TEST_F(V2RequestTest, BinaryOutputsByParameterAndByName) {
  const std::string inputs =
      R"("inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1,2]}])";
  ASSERT_TRUE(parse("{" + inputs + R"(,"parameters":{"binary_data_output":true}})"));
  EXPECT_TRUE(request_.outputs()[0].binary && request_.outputs()[1].binary);
  ASSERT_TRUE(parse(
      "{" + inputs +
      R"(,"outputs":[{"name":"probabilities"},{"name":"label","parameters":{"binary_data":false}}],)"
      R"("parameters":{"binary_data_output":true}})"));
  EXPECT_EQ(request_.outputs()[0].output, V2Output::kProbabilities);
  EXPECT_TRUE(request_.outputs()[0].binary);
  EXPECT_FALSE(request_.outputs()[1].binary);
}

TEST_F(V2RequestTest, ReadsBinaryTensorsInTheirOrder) {
  ASSERT_TRUE(parse(
      R"({"inputs":[{"name":"height","shape":[2],"datatype":"INT16","parameters":{"binary_data_size":4}},)"
      R"({"name":"width","shape":[2,1],"datatype":"FP64","parameters":{"binary_data_size":16}}]})",
      bytes_of<std::int16_t, std::int16_t>(-1, 2) + bytes_of(0.5, 1e3)))
      << rejection().message;
  EXPECT_EQ(request_.values, (Values{0.5, -1, 1000, 2}));
}

// The JSON of a request with binary tensors is not read again when it comes again.
TEST_F(V2RequestTest, ReadsNewNumbersBehindTheSameJson) {
  const std::string json =
      R"({"id":"7","inputs":[{"name":"height","shape":[2],"datatype":"FP32","parameters":)"
      R"({"binary_data_size":8}},{"name":"width","shape":[2,1],"datatype":"INT8","parameters":)"
      R"({"binary_data_size":2}}],"outputs":[{"name":"label","parameters":{"binary_data":true}}]})";
  using Byte = signed char;
  for (const float height : {2.5F, -4.0F}) {
    ASSERT_TRUE(parse(json, bytes_of(height, 9.0F, Byte{3}, Byte{-1}))) << rejection().message;
    EXPECT_EQ(request_.rows, 2U);
    EXPECT_EQ(request_.values, (Values{3, height, -1, 9}));
    EXPECT_EQ(request_.id, "7");
    EXPECT_EQ(was_known(), height == -4.0F);
    ASSERT_EQ(request_.outputs().size(), 1U);
    EXPECT_TRUE(request_.outputs()[0].binary);
    // Whoever uses the request may give its memory back.
    request_ = {};
  }
}

// Nor is what stands around the numbers and the id, wherever they stand.
TEST_F(V2RequestTest, ReadsNewNumbersWithinTheSameJson) {
  const auto ask = [this](const std::string& id, const std::string& heights, const char* widths) {
    return parse(R"({"inputs":[{"datatype":"FP64","data": )" + heights +
                 R"( ,"shape":[2,1],"name":"height"},{"name":"width","shape":[2],"datatype":)"
                 R"("FP16","data":)" +
                 widths + R"(}],"id": )" + id + R"( ,"outputs":[]})");
  };
  struct Asked {
    const char* id;
    const char* heights;
    const char* widths;
    Values values;
    bool known;
  };
  for (const auto& [id, heights, widths, values, known] :
       {Asked{"7", "[[1],[2]]", "[3,4]", {3, 1, 4, 2}, false},
        Asked{"eight", "[[-5],[6.25]]", "[ 7,8 ]", {7, -5, 8, 6.25}, true},
        Asked{"", "[[1e1],[2]]", "[3,4]", {3, 10, 4, 2}, false},
        Asked{"", "[1,2]", "[3,4]", {3, 1, 4, 2}, false},
        Asked{"9", "[5,6]", "[0.33333333333333,-0]", {0.33333334F, 5, -0.0F, 6}, true}}) {
    ASSERT_TRUE(ask('"' + std::string(id) + '"', heights, widths)) << rejection().message;
    EXPECT_EQ(was_known(), known) << heights << widths;
    EXPECT_EQ(request_.rows, 2U);
    EXPECT_EQ(request_.values, values) << heights << widths;
    EXPECT_EQ(request_.id, id);
    EXPECT_EQ(request_.outputs().size(), 2U);
    request_ = {};
  }
  ASSERT_TRUE(ask(R"("\u0037\"")", "[1,2]", "[3,4]")) << rejection().message;
  EXPECT_EQ(request_.id, "7\"");
  ASSERT_TRUE(ask(R"("\u0038\"")", "[1,2]", "[3,4]"));
  EXPECT_EQ(request_.id, "8\"");
}

TEST_F(V2RequestTest, RefusesBadNumbersWithinTheSameJson) {
  const auto ask = [this](const std::string& datatype, const std::string& data) {
    return parse(
        input(R"("name":"input","shape":[1,2],"datatype":")" + datatype + R"(","data":)" + data));
  };
  ASSERT_TRUE(ask("FP32", "[1,2]"));
  EXPECT_FALSE(ask("FP32", "[1,1e39]"));
  EXPECT_EQ(rejection().message,
            "inputs[0].data[1]: expected a number within ±3.4e+38 (float32), got 1e+39");
  ASSERT_TRUE(ask("FP32", "[1,2]"));
  EXPECT_FALSE(ask("FP32", "[1,2,3]"));
  EXPECT_FALSE(ask("FP32", "[1,2"));
  ASSERT_TRUE(ask("INT8", "[1,2]"));
  EXPECT_FALSE(ask("INT8", "[1,2.5]")) << "integers are read anew each time";
  EXPECT_FALSE(ask("INT8", "[1,128]"));
}

TEST_F(V2RequestTest, RefusesBadNumbersBehindTheSameJson) {
  const std::string json = input(
      R"("name":"input","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8})");
  ASSERT_TRUE(parse(json, bytes_of(1.0F, 2.0F)));
  EXPECT_FALSE(parse(json, bytes_of(1.0F, std::nanf(""))));
  EXPECT_EQ(rejection().message,
            "inputs[0].data[0][1]: expected a finite number within ±3.4e+38 (float32), got nan");
  ASSERT_TRUE(parse(json, bytes_of(3.0F, 4.0F)));
  EXPECT_EQ(request_.values, (Values{3, 4}));
  EXPECT_FALSE(parse(json, bytes_of(1.0F)));
  EXPECT_FALSE(parse(json, bytes_of(1.0F, 2.0F, 3.0F)));
  EXPECT_EQ(rejection().message, "4 bytes behind the last tensor, expected none");
}

TEST_F(V2RequestTest, ForgetsTheJsonBeforeAnotherOne) {
  const std::string json = input(
      R"("name":"input","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8})");
  ASSERT_TRUE(parse(json, bytes_of(1.0F, 2.0F)));
  // Its data are in the JSON: nothing may be left of the tensor before.
  const std::string other = input(R"("name":"input","shape":[1,2],"datatype":"FP32","data":[5,6])");
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(parse(other, {}, other.size())) << rejection().message;
    EXPECT_EQ(request_.values, (Values{5, 6}));
    EXPECT_FALSE(request_.id);
  }
}

TEST_F(V2RequestTest, ReadsHalfPrecision) {
  // One, the smallest there is, the largest and minus two.
  ASSERT_TRUE(parse(input(R"("name":"input","shape":[2,2],"datatype":"FP16",)"
                          R"("parameters":{"binary_data_size":8})"),
                    bytes_of<std::uint16_t, std::uint16_t, std::uint16_t, std::uint16_t>(
                        0x3c00, 0x0001, 0x7bff, 0xc000)));
  EXPECT_EQ(request_.values, (Values{1, 5.9604645e-8F, 65504, -2}));
}

TEST_F(V2RequestTest, NamesThePlaceOfEveryFault) {
  const auto data = [](const char* shape, const char* type, const char* text) {
    return input(
        fmt::format(R"("name":"input","shape":{},"datatype":"{}","data":{})", shape, type, text));
  };
  const std::tuple<std::string, const char*, const char*> cases[] = {
      {"", "json_syntax", "the body is empty; expected JSON"},
      {"[]", "json_type", "expected an object with a key \"inputs\""},
      {"{}", "json_type", "expected a key \"inputs\""},
      {R"({"id":7})", "json_type", "id: expected a string, got 7"},
      {R"({"inputs":{}})", "json_type", "inputs: expected an array of tensors, got an object"},
      {R"({"inputs":[7]})", "json_type", "inputs[0]: expected a tensor as an object, got 7"},
      {R"({"inputs":[]})", "feature",
       R"(inputs: expected "input", or one tensor for each of width, height)"},
      {input(R"("name":"input")"), "json_type", "inputs[0]: expected a key \"shape\""},
      {input(R"("name":"input","shape":[1,2],"datatype":"FP32")"), "json_type",
       R"(inputs[0]: expected either a key "data" or the parameter "binary_data_size")"},
      {input(R"("name":"x","shape":[1,2],"datatype":"FP32","data":[1,2])"), "feature",
       R"(inputs[0].name: unknown input "x"; expected "input", or one tensor for each of width, height)"},
      {input(R"("name":"input","name":"input")"), "json_type", "inputs[0].name is given twice"},
      {data("[1,2]", "BYTES", "[1,2]"), "datatype",
       R"(inputs[0].datatype: expected FP16, FP32, FP64, INT8 … INT64 or UINT8 … UINT64, got "BYTES")"},
      {data("[1,3]", "FP32", "[1,2,3]"), "shape",
       "inputs[0].shape: expected [rows, 2], got [1, 3]"},
      {data("[2]", "FP32", "[1,2]"), "shape", "inputs[0].shape: expected [rows, 2], got [2]"},
      {data("[-1,2]", "FP32", "[1,2]"), "json_type",
       "inputs[0].shape[0]: expected a number of elements, got -1"},
      {data("[1,2,1]", "FP32", "[1,2]"), "shape",
       "inputs[0].shape: expected one or two dimensions, got more"},
      {data("[0,2]", "FP32", "[]"), "rows", "inputs[0]: expected at least one row"},
      {data("[100001,2]", "FP32", "[]"), "rows",
       "inputs[0]: expected at most 100000 rows, got 100001"},
      {data("[2,2]", "FP32", "[1,2,3]"), "shape",
       "inputs[0].data: expected 4 numbers for the shape [2, 2], got 3"},
      {data("[2,2]", "FP32", "[[1,2,3,4]]"), "shape",
       "inputs[0].data: expected 4 numbers for the shape [2, 2], got 1 rows of 4"},
      {data("[2,2]", "FP32", "[[1,2],[3]]"), "shape",
       "inputs[0].data[1]: expected 2 numbers, as in the first row, got 1"},
      {data("[2,2]", "FP32", "[[1,2],3,4]"), "json_type",
       "inputs[0].data[1]: expected a row as an array, as the first one is, got 3"},
      {data("[2,2]", "FP32", "[1,2,[3,4]]"), "json_type",
       "inputs[0].data[2]: expected a number, got an array"},
      {data("[1,2]", "FP32", "[[1,null]]"), "json_type",
       "inputs[0].data[0][1]: expected a number, got null"},
      {data("[1,2]", "FP32", "[1,1e39]"), "number_range",
       "inputs[0].data[1]: expected a number within ±3.4e+38 (float32), got 1e+39"},
      {data("[1,2]", "INT32", "[[1,1.5]]"), "number_range",
       "inputs[0].data[0][1]: expected an integer of INT32, got 1.5"},
      {data("[1,2]", "UINT8", "[1,256]"), "number_range",
       "inputs[0].data[1]: expected an integer of UINT8, got 256"},
      {R"({"inputs":[{"name":"width","shape":[1],"datatype":"FP32","data":[1]}]})", "feature",
       R"(inputs: feature "height" is missing)"},
      {R"({"inputs":[{"name":"width","shape":[1],"datatype":"FP32","data":[1]},)"
       R"({"name":"width","shape":[1],"datatype":"FP32","data":[1]}]})",
       "feature", R"(inputs[1]: feature "width" is given twice)"},
      {R"({"inputs":[{"name":"width","shape":[1],"datatype":"FP32","data":[1]},)"
       R"({"name":"height","shape":[2],"datatype":"FP32","data":[1,2]}]})",
       "shape", "inputs[1].shape: expected 1 rows, as of the first input, got 2"},
      {R"({"inputs":[{"name":"width","shape":[1],"datatype":"FP32","data":[1]},)"
       R"({"name":"input","shape":[1,2],"datatype":"FP32","data":[1,2]}]})",
       "feature", R"(inputs[1]: expected "input" alone, or one tensor for each feature)"},
      {R"({"outputs":[{"name":"x"}]})", "output",
       R"(outputs[0]: unknown output "x"; expected label or probabilities)"},
      {R"({"outputs":[{"name":"label"},{"name":"label"}]})", "output",
       R"(outputs[1]: output "label" is given twice)"},
      {R"({"outputs":[{"name":"label","parameters":{"binary_data":1}}]})", "json_type",
       "outputs[0].parameters.binary_data: expected true or false, got 1"},
      {R"({"parameters":{"binary_data_output":"yes"}})", "json_type",
       R"(parameters.binary_data_output: expected true or false, got string "yes")"},
  };
  for (const auto& [body, reason, message] : cases) {
    EXPECT_FALSE(parse(body)) << body;
    EXPECT_EQ(rejection().message, message) << body;
    EXPECT_EQ(rejection().reason, reason) << body;
    EXPECT_EQ(rejection().status, 400) << body;
  }
}

TEST_F(V2RequestTest, RefusesWhatWouldChangeTheAnswer) {
  EXPECT_FALSE(parse(R"({"outputs":[{"name":"label","parameters":{"classification":2}}]})"));
  EXPECT_EQ(rejection().status, 501);
  EXPECT_EQ(rejection().message, R"(outputs[0].parameters: "classification" is not supported)");
  EXPECT_FALSE(parse("{}"));
  EXPECT_EQ(rejection().status, 400) << "the status of the refusal before";
}

TEST_F(V2RequestTest, RefusesBinaryTensorsOfAnotherSize) {
  const auto tensor = [](std::size_t bytes) {
    return input(fmt::format(R"("name":"input","shape":[1,2],"datatype":"FP32",)"
                             R"("parameters":{{"binary_data_size":{}}})",
                             bytes));
  };
  const auto two = bytes_of(1.0F, 2.0F);
  EXPECT_TRUE(parse(tensor(8), two));
  EXPECT_FALSE(parse(tensor(7), two));
  EXPECT_EQ(rejection().message,
            "inputs[0].parameters.binary_data_size: expected 8 bytes for FP32 [1, 2], got 7");
  EXPECT_FALSE(parse(tensor(8), two.substr(1)));
  EXPECT_EQ(rejection().message, "inputs[0]: expected 8 bytes behind the JSON, got 7");
  EXPECT_FALSE(parse(tensor(8), two + "x"));
  EXPECT_EQ(rejection().message, "1 bytes behind the last tensor, expected none");
  EXPECT_FALSE(parse("{}", {}, 3));
  EXPECT_EQ(rejection().message, "Inference-Header-Content-Length: 3, but the body has 2 bytes");
}

TEST_F(V2RequestTest, RefusesBinaryNumbersThatAreNotFinite) {
  const auto tensor = input(
      R"("name":"input","shape":[1,2],"datatype":"FP64","parameters":{"binary_data_size":16})");
  for (const double number : {std::numeric_limits<double>::quiet_NaN(), 1e39}) {
    EXPECT_FALSE(parse(tensor, bytes_of(1.0, number)));
    EXPECT_EQ(rejection().reason, "number_range");
    EXPECT_TRUE(rejection().message.starts_with("inputs[0].data[0][1]: expected a finite number"))
        << rejection().message;
  }
}

TEST(V2RequestParser, MakesNoRoomForWhatTheBodyCannotHold) {
  model::Signature wide;
  for (int f = 0; f < 10'000; ++f) wide.feature_names.push_back(fmt::format("f{}", f));
  V2RequestParser parser(wide);
  V2Request request;
  std::string body = R"({"inputs":[{"name":"f0","shape":[100000],"datatype":"INT8","data":[]}]})";
  const std::size_t size = body.size();
  body.append(http::kBodyPadding, ' ');
  EXPECT_FALSE(parser.parse({body.data(), size}, {}, request));
  EXPECT_EQ(parser.rejection().reason, "shape");
  EXPECT_EQ(request.values.capacity(), 0U);
}

}  // namespace
}  // namespace iris::serve
