#include "dataset/examples.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "dataset/csv.hpp"

namespace iris::dataset {
namespace {

Table table_of(std::string text) {
  return parse_csv(std::move(text), "data.csv").value();
}

TEST(Examples, LastColumnIsTheClassAndClassesAreSorted) {
  const auto examples = to_examples(table_of("x,y,kind\n1,2,pear\n3,4,apple\n5,6,pear\n"));
  ASSERT_TRUE(examples) << examples.error().message;
  EXPECT_EQ(examples->feature_names, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(examples->target_name, "kind");
  EXPECT_EQ(examples->classes, (std::vector<std::string>{"apple", "pear"}));
  EXPECT_EQ(examples->features, (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(examples->labels, (std::vector<std::uint32_t>{1, 0, 1}));
  EXPECT_EQ(examples->rows(), 3U);
}

TEST(Examples, TheTargetMayBeNamed) {
  const auto examples = to_examples(table_of("kind,x\nb,1\na,2\n"), "kind");
  ASSERT_TRUE(examples) << examples.error().message;
  EXPECT_EQ(examples->feature_names, (std::vector<std::string>{"x"}));
  EXPECT_EQ(examples->labels, (std::vector<std::uint32_t>{1, 0}));
}

TEST(Examples, ClassesThatAreNumbersAreOrderedByValue) {
  EXPECT_EQ(sorted_classes({"10", "9", "-1", "10"}), (std::vector<std::string>{"-1", "9", "10"}));
  EXPECT_EQ(sorted_classes({"10", "9", "x"}), (std::vector<std::string>{"10", "9", "x"}));
  // By code point, not by locale: upper case first, then lower case, then beyond ASCII.
  EXPECT_EQ(sorted_classes({"é", "a", "B", "z"}), (std::vector<std::string>{"B", "a", "z", "é"}));
}

TEST(Examples, ErrorsNameThePlaceOfTheCell) {
  const auto message = [](std::string text, std::string_view target = {}) {
    const auto examples = to_examples(table_of(std::move(text)), target);
    return examples ? std::string("no error") : examples.error().message;
  };
  EXPECT_EQ(message("x,y,kind\n1,2,a\n3,tall,b\n"),
            "data.csv:3:3: y: found \"tall\", expected a number");
  EXPECT_EQ(message("x,y,kind\n1,,a\n"),
            "data.csv:2:3: y: found an empty cell (a missing value), expected a number");
  EXPECT_EQ(message("x,kind\n1,nan\nnan,a\n"),
            "data.csv:3:1: x: found \"nan\" (a missing value), expected a number");
  EXPECT_EQ(message("x,kind\n1,\n"),
            "data.csv:2:3: kind: found an empty cell (a missing value), expected a class");
  EXPECT_EQ(message("x\n1\n"),
            "data.csv: found 1 column, expected features and a class; if the file "
            "separates cells otherwise, name the separator: --separator");
  EXPECT_EQ(message("x,kind\n"), "data.csv: found no rows below the header, expected at least one");
  EXPECT_EQ(message("x,kind\n1,a\n", "sort"),
            "data.csv:1:1: found no column \"sort\", expected it among the header's names");
  std::string many = "x,kind\n";
  for (std::size_t i = 0; i <= limits::kClasses; ++i) many += "1,c" + std::to_string(i) + "\n";
  EXPECT_EQ(message(many),
            "data.csv:4098:3: kind: found more than 4096 different classes, expected at most that");
}

TEST(Examples, ColumnsComeInTheOrderAskedFor) {
  const auto table = table_of("x,y,z\n1,2,3\n4,5,6\n");
  const auto columns = find_columns(table, {"z", "x"});
  ASSERT_TRUE(columns);
  EXPECT_EQ(numeric_matrix(table, *columns).value(), (std::vector<double>{3, 1, 6, 4}));
}

}  // namespace
}  // namespace iris::dataset
