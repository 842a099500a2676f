#include "dataset/examples.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/limits.hpp"
#include "dataset/number.hpp"

namespace iris::dataset {
namespace {

struct Labels {
  std::vector<std::string> classes;
  std::vector<std::uint32_t> indices;
};

Result<Labels> read_labels(const Table& table, std::size_t column) {
  std::unordered_map<std::string_view, std::uint32_t> first_seen;
  std::vector<std::string> found;
  Labels labels;
  labels.indices.reserve(table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string_view label = table.cell(row, column);
    if (is_missing(label)) {
      return input_error("{}: {}: found an empty cell, expected a class", table.where(row, column),
                         table.column_names()[column]);
    }
    const auto [at, fresh] =
        first_seen.emplace(label, static_cast<std::uint32_t>(first_seen.size()));
    if (fresh) {
      if (found.size() == limits::kClasses) {
        return input_error("{}: {}: found more than {} different classes, expected at most that",
                           table.where(row, column), table.column_names()[column],
                           limits::kClasses);
      }
      found.emplace_back(label);
    }
    labels.indices.push_back(at->second);
  }
  labels.classes = sorted_classes(found);
  // From the order of first sight to the sorted order.
  std::vector<std::uint32_t> rank(found.size());
  std::unordered_map<std::string_view, std::uint32_t> sorted;
  for (std::uint32_t i = 0; i < labels.classes.size(); ++i) sorted.emplace(labels.classes[i], i);
  for (std::size_t i = 0; i < found.size(); ++i) rank[i] = sorted.at(found[i]);
  for (auto& index : labels.indices) index = rank[index];
  return labels;
}

}  // namespace

std::vector<std::string> sorted_classes(std::vector<std::string> labels) {
  const bool numbers = std::all_of(labels.begin(), labels.end(), [](const auto& label) {
    return parse_number(label).has_value();
  });
  // UTF-8 was made so that the order of bytes is the order of code points.
  std::sort(labels.begin(), labels.end(), [numbers](const auto& a, const auto& b) {
    if (!numbers) return a < b;
    const double x = *parse_number(a);
    const double y = *parse_number(b);
    return x != y ? x < y : a < b;
  });
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return labels;
}

Result<Examples> to_examples(const Table& table, std::string_view target) {
  if (table.columns() < 2) {
    return input_error("{}: found 1 column, expected features and a class", table.name());
  }
  if (table.rows() == 0) {
    return input_error("{}: found no rows below the header, expected at least one", table.name());
  }
  std::size_t target_column = table.columns() - 1;
  if (!target.empty()) {
    const auto found = find_columns(table, {std::string(target)});
    if (!found) return tl::unexpected(found.error());
    target_column = found->front();
  }

  Examples examples;
  std::vector<std::size_t> feature_columns;
  for (std::size_t column = 0; column < table.columns(); ++column) {
    if (column == target_column) continue;
    feature_columns.push_back(column);
    examples.feature_names.push_back(table.column_names()[column]);
  }
  examples.target_name = table.column_names()[target_column];

  auto features = numeric_matrix(table, feature_columns);
  if (!features) return tl::unexpected(features.error());
  auto labels = read_labels(table, target_column);
  if (!labels) return tl::unexpected(labels.error());
  examples.features = std::move(*features);
  examples.classes = std::move(labels->classes);
  examples.labels = std::move(labels->indices);
  return examples;
}

Result<std::vector<std::size_t>> find_columns(const Table& table,
                                              const std::vector<std::string>& names) {
  std::vector<std::size_t> columns;
  for (const auto& name : names) {
    const auto column = table.find_column(name);
    if (!column) {
      return input_error("{}:1:1: found no column {}, expected it among the header's names",
                         table.name(), in_quotes(name));
    }
    columns.push_back(*column);
  }
  return columns;
}

Result<std::vector<double>> numeric_matrix(const Table& table,
                                           const std::vector<std::size_t>& columns) {
  std::vector<double> numbers;
  numbers.reserve(table.rows() * columns.size());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (const std::size_t column : columns) {
      const std::string_view text = table.cell(row, column);
      const auto number = parse_number(text);
      if (!number) {
        return input_error("{}: {}: found {}, expected a number", table.where(row, column),
                           table.column_names()[column],
                           is_missing(text) ? "an empty cell" : in_quotes(text));
      }
      numbers.push_back(*number);
    }
  }
  return numbers;
}

}  // namespace iris::dataset
