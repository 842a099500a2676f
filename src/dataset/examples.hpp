// A table as a classifier learns from it: a matrix of numbers and a class per row.
//
//   auto examples = to_examples(*table);  // the last column is the class
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "dataset/table.hpp"

namespace iris::dataset {

struct Examples {
  std::vector<std::string> feature_names;
  std::string target_name;
  // Distinct labels in the order of numpy.unique, which is the order of scikit-learn's classes_:
  // by value when every label is a number, else by code point.
  std::vector<std::string> classes;
  std::vector<double> features;       // row-major [rows × feature_names.size()]
  std::vector<std::uint32_t> labels;  // [rows], an index into classes

  std::size_t rows() const { return labels.size(); }
};

// The column `target` (the last one when empty) is the class, every other column a feature. Fails
// at the first cell that is no number, an empty label, two spellings of one class ("1" and "1.0"),
// a table without rows or without features, or more than kClasses distinct labels.
Result<Examples> to_examples(const Table& table, std::string_view target = {});

// A complaint when the target looks like a quantity: more than twenty classes, all of them numbers.
std::optional<std::string> numeric_target(const Examples& examples);

// Where the named columns stand. Fails naming the first that the table does not have.
Result<std::vector<std::size_t>> find_columns(const Table& table,
                                              const std::vector<std::string>& names);

// The numbers of the given columns, row-major [rows × columns.size()]. Fails at the first cell that
// is no number (see parse_number), or that single precision, in which models count, cannot hold.
Result<std::vector<double>> numeric_matrix(const Table& table,
                                           const std::vector<std::size_t>& columns);

// Orders labels as numpy.unique does (see Examples::classes) and drops repetitions.
std::vector<std::string> sorted_classes(std::vector<std::string> labels);

}  // namespace iris::dataset
