#include "dataset/examples.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/limits.hpp"
#include "dataset/number.hpp"

namespace iris::dataset {
namespace {

std::string looks_numeric(const std::string& target, std::string_view about, std::size_t count) {
  return fmt::format(
      "the target {} looks numeric: {} {} different numbers, and iris classifies: each number "
      "would "
      "be a class of its own. Group the numbers into classes (low, medium, high), or name another "
      "column: data.target in the params",
      in_quotes(target), about, count);
}

// A class in the order of first sight.
struct Seen {
  std::string label;
  std::size_t row = 0;
};

struct Labels {
  std::vector<std::string> classes;
  std::vector<std::uint32_t> indices;
};

bool all_numbers(const std::vector<Seen>& found) {
  return std::all_of(found.begin(), found.end(),
                     [](const Seen& one) { return parse_number(one.label).has_value(); });
}

std::string without_blanks(const std::string& label) {
  const auto begin = label.find_first_not_of(" \t");
  return label.substr(begin, label.find_last_not_of(" \t") + 1 - begin);
}

// "1" and "1.0", or "a" and " a": two classes for a reader of text, one for whoever wrote them.
Result<void> refuse_two_spellings(const Table& table, std::size_t column,
                                  const std::vector<Seen>& found) {
  std::map<double, const Seen*> numbers;
  std::unordered_map<std::string, const Seen*> texts;
  for (const Seen& one : found) {
    const auto number = parse_number(one.label);
    const Seen* first = number ? numbers.emplace(*number, &one).first->second
                               : texts.emplace(without_blanks(one.label), &one).first->second;
    if (first == &one) continue;
    return input_error("{}: {}: found the class {} beside {} (line {}), expected one spelling",
                       table.where(one.row, column), table.column_names()[column],
                       in_quotes(one.label), in_quotes(first->label),
                       table.place(first->row, column).line);
  }
  return {};
}

Error too_many_classes(const Table& table, std::size_t row, std::size_t column,
                       const std::vector<Seen>& found) {
  const auto where = table.where(row, column);
  const auto& name = table.column_names()[column];
  if (all_numbers(found)) {
    return {ExitCode::kInput,
            fmt::format("{}: {}", where, looks_numeric(name, "more than", limits::kClasses))};
  }
  return {ExitCode::kInput,
          fmt::format("{}: {}: found more than {} different classes, expected at most that", where,
                      name, limits::kClasses)};
}

Result<Labels> read_labels(const Table& table, std::size_t column) {
  std::unordered_map<std::string_view, std::uint32_t> first_seen;
  std::vector<Seen> found;
  Labels labels;
  labels.indices.reserve(table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string_view label = table.cell(row, column);
    if (is_blank(label)) {
      return input_error("{}: {}: found {}, expected a class", table.where(row, column),
                         table.column_names()[column], describe_no_number(label));
    }
    const auto [at, fresh] =
        first_seen.emplace(label, static_cast<std::uint32_t>(first_seen.size()));
    if (fresh) {
      if (found.size() == limits::kClasses) {
        return tl::unexpected(too_many_classes(table, row, column, found));
      }
      found.push_back({std::string(label), row});
    }
    labels.indices.push_back(at->second);
  }
  if (auto ok = refuse_two_spellings(table, column, found); !ok) return tl::unexpected(ok.error());
  std::vector<std::string> names;
  for (const Seen& one : found) names.push_back(one.label);
  labels.classes = sorted_classes(std::move(names));
  // From the order of first sight to the sorted order.
  std::vector<std::uint32_t> rank(found.size());
  std::unordered_map<std::string_view, std::uint32_t> sorted;
  for (std::uint32_t i = 0; i < labels.classes.size(); ++i) sorted.emplace(labels.classes[i], i);
  for (std::size_t i = 0; i < found.size(); ++i) rank[i] = sorted.at(found[i].label);
  for (auto& index : labels.indices) index = rank[index];
  return labels;
}

// What single precision rounds to infinity.
bool beyond_single_precision(double number) {
  return std::abs(number) >= 0x1.ffffffp127;
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
    return input_error(
        "{}: found 1 column, expected features and a class; if the file separates cells "
        "otherwise, name the separator: --separator",
        table.name());
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

std::optional<std::string> numeric_target(const Examples& examples) {
  constexpr std::size_t kFewClasses = 20;
  const std::size_t classes = examples.classes.size();
  if (classes <= kFewClasses ||
      !std::all_of(examples.classes.begin(), examples.classes.end(),
                   [](const auto& label) { return parse_number(label); })) {
    return std::nullopt;
  }
  return looks_numeric(examples.target_name, "it has", classes);
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
                           table.column_names()[column], describe_no_number(text));
      }
      if (beyond_single_precision(*number)) {
        return input_error(
            "{}: {}: found {}, expected a number within ±3.4028235e38, as single precision holds",
            table.where(row, column), table.column_names()[column], in_quotes(text));
      }
      numbers.push_back(*number);
    }
  }
  return numbers;
}

}  // namespace iris::dataset
