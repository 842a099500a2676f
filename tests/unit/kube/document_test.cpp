#include "kube/document.hpp"

#include <gtest/gtest.h>

namespace iris::kube {
namespace {

using nlohmann::json;

json only(std::string_view text) {
  const auto documents = parse_documents(text, "f.yaml");
  if (!documents) {
    ADD_FAILURE() << documents.error().message;
    return nullptr;
  }
  EXPECT_EQ(documents->size(), 1u);
  return documents->empty() ? json() : documents->front().body;
}

std::string problem(std::string_view text) {
  const auto documents = parse_documents(text, "f.yaml");
  return documents ? "no error" : documents.error().message;
}

TEST(Document, PlainScalarsMeanWhatYaml11Says) {
  EXPECT_EQ(only("--- {a: yes, b: no, c: on, d: Off, e: true, f: y}"),
            json::parse(R"({"a":true,"b":false,"c":true,"d":false,"e":true,"f":true})"));
  EXPECT_EQ(only("--- {a: 010, b: 0x1F, c: 0b11, d: 1_000, e: -7, f: +3, g: 0}"),
            json::parse(R"({"a":8,"b":31,"c":3,"d":1000,"e":-7,"f":3,"g":0})"));
  EXPECT_EQ(only("--- {a: 1.5, b: 1e3, c: .5, d: 12:30, e: 1.2.3, f: 089}"),
            json::parse(R"({"a":1.5,"b":1000.0,"c":0.5,"d":"12:30","e":"1.2.3","f":89.0})"));
  EXPECT_EQ(only("--- {a: ~, b: null, c: , d: nullish}"),
            json::parse(R"({"a":null,"b":null,"c":null,"d":"nullish"})"));
}

TEST(Document, QuotedScalarsStayStrings) {
  EXPECT_EQ(only("--- {a: 'yes', b: \"1\", c: !!str 010, d: '~'}"),
            json::parse(R"({"a":"yes","b":"1","c":"010","d":"~"})"));
  EXPECT_EQ(only("a: |\n  1\n  2\n")["a"], "1\n2\n");
}

TEST(Document, SeveralDocumentsKeepTheirPlace) {
  const auto documents = parse_documents("a: 1\n---\n---\nb: 2\n", "f.yaml");
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ((*documents)[0].place, "f.yaml (document 1)");
  EXPECT_EQ((*documents)[1].place, "f.yaml (document 3)");
  EXPECT_EQ((*documents)[1].body, json::parse(R"({"b":2})"));
}

TEST(Document, JsonAndListsAreRead) {
  const auto documents =
      parse_documents(R"({"kind":"List","items":[{"kind":"A"},{"kind":"B"}]})", "f.json");
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ((*documents)[1].place, "f.json: items[1]");
  EXPECT_EQ((*documents)[1].body["kind"], "B");
}

TEST(Document, AnchorsAreFollowedAndBounded) {
  EXPECT_EQ(only("a: &x {b: 1}\nc: *x\n"), json::parse(R"({"a":{"b":1},"c":{"b":1}})"));
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    laughs += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n",
                          i, i - 1);
  }
  EXPECT_EQ(problem(laughs), "f.yaml: found more than 200000 values, aliases counted");
}

TEST(Document, ErrorsNameTheLine) {
  EXPECT_EQ(problem("a: 1\nb: 2\na: 3\n"), "f.yaml: line 3: found the key a a second time");
  EXPECT_EQ(problem("a: &x {b: 1}\nc:\n  <<: *x\n"),
            "f.yaml: line 3: found a merge key (<<); write the fields out");
  EXPECT_EQ(problem("a: !!binary eA==\n"),
            "f.yaml: line 1: found the tag tag:yaml.org,2002:binary, expected none");
  EXPECT_TRUE(problem("a: 1\n\tb: 2\n").starts_with("f.yaml: line 2, column "))
      << problem("a: 1\n\tb: 2\n");
  EXPECT_TRUE(problem("{\"a\": }").starts_with("f.yaml: not JSON: parse error at line 1, column 7"))
      << problem("{\"a\": }");
  EXPECT_TRUE(
      problem(std::string(70, '[') + std::string(70, ']')).ends_with("nesting deeper than 64"));
  EXPECT_TRUE(problem(std::string(100'000, '[')).starts_with("f.yaml: "));
}

TEST(Document, TextOutsideOfAnyValueEnds) {
  EXPECT_EQ(problem("- a\n, b\n"),
            "f.yaml: line 2, column 1: not YAML: found text outside of any value");
}

TEST(Document, AMissingFileIsNamed) {
  const auto documents = read_documents("/nonexistent/x.yaml");
  ASSERT_FALSE(documents);
  EXPECT_NE(documents.error().message.find("/nonexistent/x.yaml"), std::string::npos);
}

}  // namespace
}  // namespace iris::kube
