// What a table must be: data/schema.yaml.
//
//   rows: {min: 30, max: 1000000}    # min is 1 when not given
//   duplicates: warning              # error, warning (the default) or ignore
//   columns:                         # all of them, in the table's order
//     petal_length:
//       type: number                 # number, category or text
//       min: 0.1                     # of a number, both ends allowed values
//       max: 10
//       max_missing_share: 0.05      # of any column; 0, the default, allows no missing value
//     species:
//       type: category
//       labels: [setosa, versicolor, virginica]
//       min_class_share: 0.2         # each label's share of the rows at least
//
// A key that is not in this list is an error with its line and column.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace iris::dataset {

enum class ColumnType { kNumber, kCategory, kText };
const char* name_of(ColumnType type);

struct ColumnRule {
  std::string name;
  ColumnType type = ColumnType::kText;
  std::optional<double> min{};
  std::optional<double> max{};
  std::vector<std::string> labels{};  // empty: any
  double max_missing_share = 0;
  double min_class_share = 0;
};

enum class Duplicates { kError, kWarning, kIgnore };

struct Schema {
  std::vector<ColumnRule> columns;
  std::size_t min_rows = 1;
  std::optional<std::size_t> max_rows;
  Duplicates duplicates = Duplicates::kWarning;
};

Result<Schema> read_schema(const std::string& path);
Result<Schema> parse_schema(const std::string& text, const std::string& name);

}  // namespace iris::dataset
