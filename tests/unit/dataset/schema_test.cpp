#include "dataset/schema.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "dataset/yaml.hpp"

namespace iris::dataset {
namespace {

std::string error_of(const std::string& text) {
  const auto schema = parse_schema(text, "schema.yaml");
  return schema ? "no error" : schema.error().message;
}

TEST(Schema, ReadsEveryKey) {
  const auto schema = parse_schema(R"(
rows: {min: 10, max: 20}
duplicates: error
columns:
  x: {type: number, min: -1.5, max: 2, max_missing_share: 0.1}
  kind: {type: category, labels: [a, b], min_class_share: 0.25}
  note: {type: text}
)",
                                   "schema.yaml");
  ASSERT_TRUE(schema) << schema.error().message;
  EXPECT_EQ(schema->min_rows, 10U);
  EXPECT_EQ(schema->max_rows, 20U);
  EXPECT_EQ(schema->duplicates, Duplicates::kError);
  ASSERT_EQ(schema->columns.size(), 3U);
  const auto& x = schema->columns[0];
  EXPECT_EQ(x.name, "x");
  EXPECT_EQ(x.type, ColumnType::kNumber);
  EXPECT_EQ(x.min, -1.5);
  EXPECT_EQ(x.max, 2);
  EXPECT_EQ(x.max_missing_share, 0.1);
  const auto& kind = schema->columns[1];
  EXPECT_EQ(kind.type, ColumnType::kCategory);
  EXPECT_EQ(kind.labels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(kind.min_class_share, 0.25);
  EXPECT_EQ(schema->columns[2].type, ColumnType::kText);
}

TEST(Schema, WhatIsNotGivenIsStrict) {
  const auto schema = parse_schema("columns: {x: {type: number}}", "schema.yaml");
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->min_rows, 1U);
  EXPECT_EQ(schema->max_rows, std::nullopt);
  EXPECT_EQ(schema->duplicates, Duplicates::kWarning);
  EXPECT_EQ(schema->columns[0].max_missing_share, 0);
}

TEST(Schema, ErrorsNameThePlace) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"columns:\n  x: {type: number, mni: 1}\n",
       "schema.yaml:2:21: found the key \"mni\", expected type, min, max, labels, "
       "max_missing_share or min_class_share"},
      {"colums: {}\n",
       "schema.yaml:1:1: found the key \"colums\", expected rows, duplicates or columns"},
      {"rows: {least: 3}\ncolumns: {x: {type: text}}\n",
       "schema.yaml:1:8: found the key \"least\", expected min or max"},
      {"columns:\n  x: {type: int}\n",
       "schema.yaml:2:13: found \"int\", expected number, category or text"},
      {"columns:\n  x: {min: 1}\n",
       "schema.yaml:2:6: found no type, expected type: number, category or text"},
      {"columns:\n  x: {type: number, min: low}\n",
       "schema.yaml:2:26: found \"low\", expected a number"},
      {"columns:\n  x: {type: number, min: 3, max: 2}\n",
       "schema.yaml:2:6: found min 3 above max 2, expected min at most max"},
      {"columns:\n  x: {type: text, min: 3}\n",
       "schema.yaml:2:6: found min or max of a column that is no number, expected type: number"},
      {"columns:\n  x: {type: number, labels: [a]}\n",
       "schema.yaml:2:6: found labels or min_class_share of a column that is no category, expected "
       "type: category"},
      {"columns:\n  x: {type: category, labels: [a, a]}\n",
       "schema.yaml:2:35: found the label \"a\" again, expected each label once"},
      {"columns:\n  x: {type: category, labels: []}\n",
       "schema.yaml:2:31: found no labels, expected at least one"},
      {"columns:\n  x: {type: category, labels: a}\n",
       "schema.yaml:2:31: found \"a\", expected a list"},
      {"columns:\n  x: {type: text, max_missing_share: 1.5}\n",
       "schema.yaml:2:38: found \"1.5\", expected a share from 0 to 1"},
      {"columns:\n  x: {type: text}\n  x: {type: number}\n",
       "schema.yaml:3:3: found the key \"x\" again, expected each key once"},
      {"rows: {min: 2.5}\ncolumns: {x: {type: text}}\n",
       "schema.yaml:1:13: found \"2.5\", expected a whole number"},
      {"rows: {min: 5, max: 4}\ncolumns: {x: {type: text}}\n",
       "schema.yaml:1:7: found min 5 above max 4, expected min at most max"},
      {"columns: [x]\n", "schema.yaml:1:10: found a list, expected a map"},
      {"rows: {min: 1}\n",
       "schema.yaml:1:1: found no columns, expected columns: with at least one"},
      {"", "schema.yaml: found nothing, expected a map"},
      {"a: [1, 2\nb: 3\n", "schema.yaml:2:2: not YAML: end of sequence flow not found"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(error_of(text), message) << text;
}

TEST(Schema, HostileYamlIsRefused) {
  EXPECT_NE(error_of(std::string(100'000, '[')), "no error");
  EXPECT_NE(error_of("a: &a [*a]\n"), "no error");
  EXPECT_NE(error_of(std::string(5 << 20, ' ')).find("expected at most 4194304"),
            std::string::npos);
}

TEST(Schema, TheShippedOneIsSound) {
  const auto schema = read_schema(IRIS_SOURCE_DIR "/data/schema.yaml");
  ASSERT_TRUE(schema) << schema.error().message;
  EXPECT_EQ(schema->columns.size(), 5U);
}

TEST(Yaml, FlagsAreTrueOrFalse) {
  const auto root = YamlReader::load("[true, false, yes]", "f.yaml");
  ASSERT_TRUE(root);
  YamlReader yaml("f.yaml");
  EXPECT_TRUE(yaml.flag((*root)[0]));
  EXPECT_FALSE(yaml.flag((*root)[1]));
  EXPECT_FALSE(yaml.failed());
  yaml.flag((*root)[2]);
  ASSERT_TRUE(yaml.failed());
  EXPECT_EQ(yaml.error().message,
            "f.yaml:1:15: found \"yes\", expected false, False, FALSE, true, True or TRUE");
}

}  // namespace
}  // namespace iris::dataset
