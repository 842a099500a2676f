#include "serve/v2_known_json.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace iris::serve {
namespace {

using Values = std::vector<float>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr const char* kJson = R"({"any":"text"})";

std::string bytes_of(const Values& numbers) {
  std::string bytes(numbers.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

std::string_view part_of(const std::string& json, std::string_view part) {
  return std::string_view(json).substr(json.find(part), part.size());
}

// Two rows of two features.
V2Request two_rows() {
  V2Request request;
  request.values.resize(4);
  request.rows = 2;
  request.output_list[0] = {V2Output::kProbabilities, true};
  request.output_count = 1;
  return request;
}

// Knows of two tensors behind the JSON, one for each feature, the second feature first.
V2KnownJson known_binary(const std::string& json = kJson) {
  V2KnownJson known;
  known.forget();
  known.add_binary({.count = 2, .first = 1, .stride = 2}, *find_datatype("FP32"));
  known.add_binary({.count = 2, .first = 0, .stride = 2}, *find_datatype("FP32"));
  known.keep(json, two_rows());
  return known;
}

// Knows of an id and of all numbers as one tensor.
V2KnownJson known_numbers(const std::string& numbers, std::size_t row) {
  const std::string json = R"({"id": "7", "data": )" + numbers + "}";
  V2KnownJson known;
  known.forget();
  known.add_id(part_of(json, "\"7\""));
  known.add_numbers({.count = 4, .first = 0, .stride = 1}, part_of(json, numbers), row);
  known.keep(json, two_rows());
  return known;
}

TEST(V2KnownJson, TakesTheTensorsBehindTheSameBytes) {
  const auto known = known_binary();
  V2Request request;
  request.id = "of the request before";
  ASSERT_TRUE(known.take(kJson, bytes_of({1, 2, 3, 4}), request));
  EXPECT_EQ(request.values, (Values{3, 1, 4, 2}));
  EXPECT_EQ(request.rows, 2U);
  EXPECT_FALSE(request.id.has_value());
  ASSERT_EQ(request.outputs().size(), 1U);
  EXPECT_EQ(request.outputs()[0].output, V2Output::kProbabilities);
  EXPECT_TRUE(request.outputs()[0].binary);
}

TEST(V2KnownJson, LeavesOtherBytesAndOtherTensors) {
  const auto known = known_binary();
  const auto good = bytes_of({1, 2, 3, 4});
  V2Request request;
  EXPECT_FALSE(known.take(R"({"any":"texT"})", good, request));
  EXPECT_FALSE(known.take("", good, request));
  EXPECT_FALSE(known.take(kJson, good.substr(1), request));
  EXPECT_FALSE(known.take(kJson, good + "x", request));
  EXPECT_FALSE(known.take(kJson, "", request));
  EXPECT_FALSE(known.take(kJson, bytes_of({1, 2, 3, kInfinity}), request));
}

TEST(V2KnownJson, TakesAnotherIdAndOtherNumbers) {
  V2Request request;
  const auto known = known_numbers("[[0,0],[0,0]]", 2);
  for (const char* numbers : {"[[1,-2.5],[3,4]]", "[ [1 ,-2.5],\n[3, 4\t]\r]"}) {
    const auto json = R"({"id": "another one", "data": )" + std::string(numbers) + "}";
    ASSERT_TRUE(known.take(json, "", request)) << json;
    EXPECT_EQ(request.values, (Values{1, -2.5, 3, 4}));
    EXPECT_EQ(request.rows, 2U);
    EXPECT_EQ(request.id, "another one");
  }
  ASSERT_TRUE(known_numbers("[0,0,0,0]", 0).take(R"({"id": "", "data": [5,6,7,8]})", "", request));
  EXPECT_EQ(request.values, (Values{5, 6, 7, 8}));
  EXPECT_EQ(request.id, "");
}

TEST(V2KnownJson, PutsEachFeatureInItsPlace) {
  const std::string json = R"([[1, 2], [3, 4]])";
  V2KnownJson known;
  known.forget();
  known.add_numbers({.count = 2, .first = 1, .stride = 2}, part_of(json, "[1, 2]"), 0);
  known.add_numbers({.count = 2, .first = 0, .stride = 2}, part_of(json, "[3, 4]"), 0);
  known.keep(json, two_rows());
  V2Request request;
  ASSERT_TRUE(known.take("[[5,6], [7,8]]", "", request));
  EXPECT_EQ(request.values, (Values{7, 5, 8, 6}));
}

TEST(V2KnownJson, LeavesNumbersOfAnotherForm) {
  const auto known = known_numbers("[[0,0],[0,0]]", 2);
  V2Request request;
  for (const char* numbers :
       {"[0,0,0,0]", "[[0,0,0,0]]", "[[0],[0,0,0]]", "[[0,0],[0,0],[0,0]]", "[[0,0],[0,0]", "[]",
        "[[0,0],[0,0]],", "[[0,0],[0,]]", "[[0,0],[0,1e2]]", "[[0,0],[0,\"0\"]]",
        "[[0,0],[0,null]]", "[[0,0],[0,01]]", "[[0,0][0,0]]", "[[0,0],[0,0]] ", "7", ""}) {
    const auto json = R"({"id": "7", "data": )" + std::string(numbers) + "}";
    EXPECT_FALSE(known.take(json, "", request)) << json;
  }
  EXPECT_FALSE(known.take(R"({"id": "7", "data": [[0,0],[0,0]]})", "x", request));
}

TEST(V2KnownJson, LeavesIdsOfAnotherForm) {
  const auto known = known_numbers("[[0,0],[0,0]]", 2);
  V2Request request;
  for (const char* id : {"7", "null", R"("\"")", R"("\u0037")", "\"\n\"", "\"\x7f\"", "\"é\"",
                         "\"\xff\"", R"("7)", R"("7" )", R"("7","id":"8")", ""}) {
    const auto json = R"({"id": )" + std::string(id) + R"(, "data": [[0,0],[0,0]]})";
    EXPECT_FALSE(known.take(json, "", request)) << json;
  }
}

TEST(V2KnownJson, ReadsNothingBehindTheJson) {
  const auto known = known_numbers("[[0,0],[0,0]]", 2);
  const std::string json = R"({"id": "7", "data": [[1,2],[3,4]]})";
  for (std::size_t size = 0; size < json.size(); ++size) {
    // A buffer of just that size, so that the address sanitizer sees a byte too many.
    const std::vector<char> cut(json.begin(), json.begin() + static_cast<std::ptrdiff_t>(size));
    V2Request request;
    EXPECT_FALSE(known.take({cut.data(), cut.size()}, "", request)) << size;
  }
}

TEST(V2KnownJson, ForgetsAndKeepsNeitherTheUnknownNorTheLong) {
  const auto tensors = bytes_of({1, 2, 3, 4});
  V2Request request;
  auto known = known_binary();
  known.forget();
  EXPECT_FALSE(known.take(kJson, tensors, request));
  known.add_unknown();
  known.keep(kJson, two_rows());
  EXPECT_FALSE(known.take(kJson, "", request));
  const std::string longest(1024, ' ');
  EXPECT_TRUE(known_binary(longest).take(longest, tensors, request));
  EXPECT_FALSE(known_binary(longest + " ").take(longest + " ", tensors, request));
  // Numbers are not kept, be they as many as they will.
  const auto numbers = "[1,2,3," + std::string(4096, ' ') + "4]";
  EXPECT_TRUE(
      known_numbers(numbers, 0).take(R"({"id": "7", "data": )" + numbers + "}", "", request));
}

}  // namespace
}  // namespace iris::serve
