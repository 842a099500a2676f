// Holds a table against its schema: every violation, and a summary of what the table is.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "dataset/schema.hpp"
#include "dataset/table.hpp"

namespace iris::dataset {

enum class ViolationKind {
  kHeader,        // a column is missing, unexpected or out of order
  kRows,          // too few or too many
  kMissing,       // a missing value (number.hpp) where none is allowed
  kMissingShare,  // more missing values in a column than allowed
  kType,          // no number
  kRange,         // below min or above max
  kLabel,         // not among the labels
  kClassShare,    // a label is too rare
  kDuplicate,     // a row that repeats an earlier one, where the schema calls that an error
};
inline constexpr std::size_t kViolationKinds = 9;
const char* name_of(ViolationKind kind);

struct Violation {
  ViolationKind kind;
  Place place;
  std::string column;  // empty when it is about rows
  std::string found;
  std::string expected;
};

struct ColumnSummary {
  std::string name;
  ColumnType type = ColumnType::kText;
  std::size_t missing = 0;
  // Of a number column: over the cells that are numbers.
  std::size_t numbers = 0;
  double min = 0;
  double mean = 0;
  double max = 0;
  // Of a category column: rows per label, at most kClasses labels.
  std::map<std::string, std::size_t> labels;
};

struct DuplicateRow {
  std::size_t line = 0;
  std::size_t first_line = 0;
};

struct CheckReport {
  // Kept up to this many of each kind, in the order of the file; counts are complete.
  static constexpr std::size_t kKeptPerKind = 1'000;

  std::size_t rows = 0;
  std::vector<ColumnSummary> columns;  // in the table's order
  std::size_t duplicate_count = 0;
  std::vector<DuplicateRow> duplicates;  // at most kKeptPerKind
  std::vector<Violation> violations;
  std::array<std::size_t, kViolationKinds> counts{};  // by kind

  std::size_t violation_count() const;
};

CheckReport check(const Table& table, const Schema& schema);

}  // namespace iris::dataset
