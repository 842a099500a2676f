#include "dataset/check.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dataset/csv.hpp"

namespace iris::dataset {
namespace {

constexpr const char* kSchema = R"(
rows: {min: 2, max: 1000000}
columns:
  x: {type: number, min: 0, max: 10}
  kind: {type: category, labels: [a, b]}
)";

CheckReport check_text(std::string data, const std::string& schema = kSchema) {
  return check(parse_csv(std::move(data), "data.csv").value(),
               parse_schema(schema, "schema.yaml").value());
}

// "kind line:column name: found → expected", one a violation.
std::vector<std::string> lines_of(const CheckReport& report) {
  std::vector<std::string> lines;
  for (const auto& violation : report.violations) {
    lines.push_back(fmt::format("{} {}:{} {}: {} → {}", name_of(violation.kind),
                                violation.place.line, violation.place.column, violation.column,
                                violation.found, violation.expected));
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(Check, ASoundTableHasNoViolationAndASummary) {
  const auto report = check_text("x,kind\n1,a\n2.5,b\n4,a\n");
  EXPECT_EQ(report.violation_count(), 0U);
  EXPECT_EQ(report.rows, 3U);
  ASSERT_EQ(report.columns.size(), 2U);
  EXPECT_EQ(report.columns[0].min, 1);
  EXPECT_EQ(report.columns[0].mean, 2.5);
  EXPECT_EQ(report.columns[0].max, 4);
  EXPECT_EQ(report.columns[0].numbers, 3U);
  EXPECT_EQ(report.columns[1].labels, (std::map<std::string, std::size_t>{{"a", 2}, {"b", 1}}));
}

TEST(Check, AllViolationsAreListedInTheOrderOfTheFile) {
  const auto report = check_text("x,kind\n-1,a\ntall,c\n,\n11,b\nnan,A\n");
  EXPECT_EQ(lines_of(report), (Lines{"range 2:1 x: -1 → 0 to 10", "type 3:1 x: \"tall\" → a number",
                                     "label 3:6 kind: \"c\" → one of a, b",
                                     "missing 4:1 x: an empty cell (a missing value) → a number",
                                     "missing 4:2 kind: an empty cell (a missing value) → a value",
                                     "range 5:1 x: 11 → 0 to 10",
                                     "missing 6:1 x: \"nan\" (a missing value) → a number",
                                     "label 6:5 kind: \"A\" → one of a, b"}));
  EXPECT_EQ(report.columns[0].missing, 2U);
  EXPECT_EQ(report.columns[0].numbers, 2U);
}

TEST(Check, TheHeaderMustBeTheSchemas) {
  EXPECT_EQ(lines_of(check_text("x,extra\n1,q\n2,q\n")),
            (Lines{"header 1:1 kind: no such column → a category column",
                   "header 1:3 extra: the column \"extra\" → only columns of the schema"}));
  EXPECT_EQ(lines_of(check_text("kind,x\na,1\nb,2\n")),
            (Lines{"header 1:1 kind: \"kind\" → \"x\" here, as in the schema"}));
}

TEST(Check, RowsAreCounted) {
  EXPECT_EQ(lines_of(check_text("x,kind\n1,a\n")), (Lines{"rows 1:1 : 1 row → at least 2"}));
  EXPECT_EQ(lines_of(check_text("x,kind\n")), (Lines{"rows 1:1 : 0 rows → at least 2"}));
  EXPECT_EQ(lines_of(check_text("x\n1\n2\n3\n", "rows: {max: 2}\ncolumns: {x: {type: number}}")),
            (Lines{"rows 1:1 : 3 rows → at most 2"}));
}

TEST(Check, MissingCellsAreAllowedUpToTheirShare) {
  const std::string schema =
      "columns: {x: {type: number, max_missing_share: 0.25}, y: {type: text}}";
  EXPECT_EQ(lines_of(check_text("x,y\n1,a\n,b\n3,c\n4,d\n", schema)), Lines{});
  EXPECT_EQ(lines_of(check_text("x,y\n1,a\n ,b\n,c\n4,d\n", schema)),
            (Lines{"missing_share 1:1 x: 50 % of the cells missing → at most 25 %"}));
}

TEST(Check, EveryClassNeedsItsShare) {
  const std::string schema =
      "columns: {x: {type: number}, k: {type: category, labels: [a, b, c], min_class_share: 0.3}}";
  EXPECT_EQ(lines_of(check_text("x,k\n1,a\n2,b\n3,c\n", schema)), Lines{});
  // A label that is not listed is one violation, not two.
  EXPECT_EQ(lines_of(check_text("x,k\n1,a\n2,b\n3,c\n4,a\n5,b\n6,c\n7,d\n",
                                "columns: {x: {type: number}, k: {type: category, labels: [a, b, "
                                "c], min_class_share: 0.2}}")),
            (Lines{"label 8:3 k: \"d\" → one of a, b, c"}));
  EXPECT_EQ(lines_of(check_text("x,k\n1,a\n2,a\n3,a\n4,b\n", schema)),
            (Lines{"class_share 1:3 k: b in 25 % of the rows → at least 30 %",
                   "class_share 1:3 k: c in 0 % of the rows → at least 30 %"}));
}

TEST(Check, DuplicatesAreReportedAndAnErrorOnlyWhenTheSchemaSaysSo) {
  const std::string data = "x,kind\n1,a\n1.0,a\n1,b\n1,a\n1,\" a\"\n";
  const std::string columns = "columns: {x: {type: number}, kind: {type: category}}";
  const auto report = check_text(data, columns);
  EXPECT_EQ(report.violation_count(), 0U);
  ASSERT_EQ(report.duplicate_count, 2U);
  EXPECT_EQ(report.duplicates[0].line, 3U);
  EXPECT_EQ(report.duplicates[0].first_line, 2U);
  EXPECT_EQ(report.duplicates[1].line, 5U);
  EXPECT_EQ(lines_of(check_text(data, "duplicates: error\n" + columns)),
            (Lines{"duplicate 3:1 : the row of line 2 again → no row twice",
                   "duplicate 5:1 : the row of line 2 again → no row twice"}));
  EXPECT_EQ(check_text(data, "duplicates: ignore\n" + columns).duplicate_count, 0U);
}

TEST(Check, TheNumberKeptIsBoundedAndTheCountIsNot) {
  std::string data = "x,kind\n";
  for (int i = 0; i < 5'000; ++i) data += "bad,a\n";
  const auto report = check_text(data);
  EXPECT_EQ(report.violations.size(), CheckReport::kKeptPerKind);
  EXPECT_EQ(report.violation_count(), 5'000U);
  EXPECT_EQ(report.duplicate_count, 4'999U);
  EXPECT_EQ(report.duplicates.size(), CheckReport::kKeptPerKind);
}

}  // namespace
}  // namespace iris::dataset
