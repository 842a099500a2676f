#include "dataset/csv.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"

namespace iris::dataset {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const Table& table) {
  Rows rows;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    rows.emplace_back();
    for (std::size_t column = 0; column < table.columns(); ++column) {
      rows.back().emplace_back(table.cell(row, column));
    }
  }
  return rows;
}

std::string error_of(std::string text) {
  const auto table = parse_csv(std::move(text), "data.csv");
  return table ? "no error" : table.error().message;
}

TEST(Csv, ReadsPlainRows) {
  const auto table = parse_csv("a,b\n1,x\n2,y\n", "data.csv");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->column_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(rows_of(*table), (Rows{{"1", "x"}, {"2", "y"}}));
  EXPECT_EQ(table->find_column("b"), 1U);
  EXPECT_EQ(table->find_column("c"), std::nullopt);
}

TEST(Csv, LineEndsByteOrderMarkAndLastLineMakeNoDifference) {
  const Rows expected{{"1", "x"}, {"2", ""}};
  for (const std::string text :
       {"a,b\n1,x\n2,\n", "a,b\n1,x\n2,", "a,b\r\n1,x\r\n2,\r\n", "a,b\r\n1,x\n2,\r\n",
        "\xef\xbb\xbf\x61,b\n1,x\n2,\n",  // \x61 is a
        "a,b\n\n1,x\n\n\n2,\n\r\n", "a,b\n\"1\",\"x\"\n2,\"\""}) {
    const auto table = parse_csv(text, "data.csv");
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(table->column_names().front(), "a");
    EXPECT_EQ(rows_of(*table), expected) << text;
  }
}

TEST(Csv, QuotesHoldCommasLineEndsAndQuotes) {
  const auto table =
      parse_csv("a,b\n\"x, y\",\"say \"\"hi\"\"\"\n\"two\r\nlines\",\"\"\"\"\n", "d");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(rows_of(*table), (Rows{{"x, y", "say \"hi\""}, {"two\r\nlines", "\""}}));
}

TEST(Csv, HeaderOnlyIsATableWithoutRows) {
  for (const char* text : {"a,b", "a,b\n", "a,b\r\n\r\n"}) {
    const auto table = parse_csv(text, "d");
    ASSERT_TRUE(table);
    EXPECT_EQ(table->rows(), 0U);
    EXPECT_EQ(table->columns(), 2U);
  }
}

TEST(Csv, AnEmptyLineOfAOneColumnTableIsAnEmptyCell) {
  const auto table = parse_csv("a\n1\n\n3\n", "d");
  ASSERT_TRUE(table);
  EXPECT_EQ(rows_of(*table), (Rows{{"1"}, {""}, {"3"}}));
}

TEST(Csv, BytesThatAreNotUtf8AreKept) {
  const auto table = parse_csv("a,b\n\xff\xc3,\x80\n", "d");
  ASSERT_TRUE(table);
  EXPECT_EQ(rows_of(*table), (Rows{{"\xff\xc3", "\x80"}}));
}

TEST(Csv, CellsKnowTheirPlaceBehindQuotesAndLineEnds) {
  const auto table = parse_csv("a,b,c\n\n\"x\ny\"\"\",\"2\",3\n4,\"5\n\n\",6\n", "d.csv");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->place(0, 0), (Place{3, 1}));
  EXPECT_EQ(table->place(0, 1), (Place{4, 6}));
  EXPECT_EQ(table->place(0, 2), (Place{4, 10}));
  EXPECT_EQ(table->where(1, 2), "d.csv:7:3");
  EXPECT_EQ(table->header_place(2), (Place{1, 5}));
}

TEST(Csv, PlacesSurviveAMoveOfTheTable) {
  auto table = parse_csv("a,b\n1,2\n", "d");
  ASSERT_TRUE(table);
  const Table moved = std::move(*table);
  EXPECT_EQ(moved.cell(0, 1), "2");
}

TEST(Csv, ErrorsNamePlaceFoundAndExpected) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "data.csv:1:1: found an empty file, expected a header line with the column names"},
      {"\xef\xbb\xbf",
       "data.csv:1:1: found an empty file, expected a header line with the column names"},
      {"\xff\xfe"
       "a",
       "data.csv:1:1: found a UTF-16 byte-order mark, expected UTF-8 text"},
      {"a,,c\n", "data.csv:1:3: found an empty column name, expected a name"},
      {" \na,\n", "data.csv:2:3: found an empty column name, expected a name"},
      {"a,b,a\n1,2,3\n",
       "data.csv:1:5: found the name \"a\" again (it is column 1 already), expected distinct "
       "column names"},
      {"a,b\n1,2\n3\n",
       "data.csv:3:2: found the end of a row of 1 cell, expected 2, as the header has"},
      {"a,b\n1,2,3\n", "data.csv:2:5: found cell 3 of a row, expected 2 cells, as the header has"},
      {"a\n1,\n", "data.csv:2:3: found cell 2 of a row, expected 1 cell, as the header has"},
      {"a,b\n1,x\"y\"\n",
       "data.csv:2:4: found a quote within an unquoted cell, expected the whole cell in quotes, "
       "with two quotes for one"},
      {"a,b\n1,\"x\"y\n",
       "data.csv:2:6: found text after a closing quote, expected a comma or the end of the line"},
      {"a,b\n1,\"x\n\n",
       "data.csv:2:3: found a quote that is never closed, expected a closing quote before the end "
       "of the file"},
      {"a,b\r1,2\r",
       "data.csv:1:4: found a carriage return without a line feed, expected lines that end with LF "
       "or CRLF"},
      {"a,b\n1,2\r",
       "data.csv:2:4: found a carriage return without a line feed, expected lines "
       "that end with LF or CRLF"},
      {std::string("a,b\n1,\0\n", 8), "data.csv:2:3: found a NUL byte, expected text"},
      {std::string("a,b\n1,\"\n\0\"\n", 11), "data.csv:3:1: found a NUL byte, expected text"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(error_of(text), message) << text;
}

TEST(Csv, BoundsAreNamed) {
  const std::string edge(limits::kCellBytes, 'x');
  EXPECT_TRUE(parse_csv("a\n" + edge + "\n", "d"));
  EXPECT_TRUE(parse_csv("a\n\"" + edge + "\"\n", "d"));
  EXPECT_EQ(error_of("a\n" + edge + "x\n"),
            "data.csv:2:1: found a longer cell, expected at most 1048576 bytes");
  EXPECT_EQ(error_of("a\n\"" + edge + "x\"\n"),
            "data.csv:2:1: found a longer cell, expected at most 1048576 bytes");
  std::string header;
  for (std::size_t i = 0; i <= limits::kTableColumns; ++i) header += "c" + std::to_string(i) + ",";
  EXPECT_NE(error_of(header).find("found one column more, expected at most 16384"),
            std::string::npos);
}

TEST(Csv, AMissingFileThatDvcTracksSaysHowToFetchIt) {
  std::string folder = testing::TempDir() + "iris-csv-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/data.csv";
  EXPECT_EQ(read_csv(path).error().message, path + ": cannot open: No such file or directory");
  ASSERT_TRUE(write_file(path + ".dvc", "outs: []\n"));
  EXPECT_EQ(read_csv(path).error().message,
            path +
                ": cannot open: No such file or directory; fetch it "
                "with 'iris pull " +
                path + ".dvc'");
  std::filesystem::remove_all(folder);
}

// Any cell but NUL; characters that matter to the format come often.
rc::Gen<std::string> any_cell() {
  return rc::gen::container<std::string>(rc::gen::oneOf(
      rc::gen::element('"', ',', '\n', '\r', ' ', 'a'),
      rc::gen::map(rc::gen::inRange(1, 256), [](int byte) { return static_cast<char>(byte); })));
}

TEST(Csv, WhatIsWrittenIsReadBack) {
  EXPECT_TRUE(rc::check("write, read, compare", [] {
    const auto columns = *rc::gen::inRange<std::size_t>(1, 5);
    const auto rows = *rc::gen::container<Rows>(
        rc::gen::container<std::vector<std::string>>(columns, any_cell()));
    std::vector<std::string> names;
    for (std::size_t i = 0; i < columns; ++i) names.push_back("c\"" + std::to_string(i));
    std::string text = to_csv_line({names.begin(), names.end()});
    for (const auto& row : rows) text += to_csv_line({row.begin(), row.end()});
    if (*rc::gen::arbitrary<bool>()) text.pop_back();
    const auto table = parse_csv(text, "d");
    RC_ASSERT(table.has_value());
    RC_ASSERT(table->column_names() == names);
    RC_ASSERT(rows_of(*table) == rows);
    // Each cell stands where its place says.
    std::vector<std::size_t> line_begins{0};
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') line_begins.push_back(i + 1);
    }
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (std::size_t column = 0; column < columns; ++column) {
        const auto [line, at] = table->place(row, column);
        const std::string raw =
            to_csv_line(columns == 1 ? std::vector<std::string_view>{rows[row][column]}
                                     : std::vector<std::string_view>{rows[row][column], ""});
        const std::string bare = raw.substr(0, raw.size() - (columns == 1 ? 1 : 2));
        if (rows[row][column].empty()) continue;
        RC_ASSERT(text.compare(line_begins[line - 1] + at - 1, bare.size(), bare) == 0);
      }
    }
  }));
}

TEST(Csv, ANameThatLooksLikeAByteOrderMarkSurvivesWriting) {
  for (const std::string name : {"\xef\xbb\xbf", "\xfe\xff", "\xff\xfe"}) {
    const auto table = parse_csv(to_csv_line({name}), "d");
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(table->column_names().front(), name);
  }
}

TEST(Csv, AnyBytesGiveATableOrAMessageWithAPlace) {
  EXPECT_TRUE(rc::check("no crash", [](const std::string& bytes) {
    const auto table = parse_csv(bytes, "data.csv");
    if (!table) RC_ASSERT(table.error().message.substr(0, 9) == "data.csv:");
  }));
}

}  // namespace
}  // namespace iris::dataset
