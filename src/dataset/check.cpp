#include "dataset/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>

#include "base/limits.hpp"
#include "dataset/number.hpp"

namespace iris::dataset {
namespace {

std::string percent(double share) {
  return fmt::format("{:.4g} %", share * 100);
}

std::string describe_range(const ColumnRule& rule) {
  if (rule.min && rule.max) return fmt::format("{} to {}", *rule.min, *rule.max);
  if (rule.min) return fmt::format("at least {}", *rule.min);
  return fmt::format("at most {}", *rule.max);
}

std::string describe_labels(const std::vector<std::string>& labels) {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < labels.size() && i < kShown; ++i) {
    text += (i == 0 ? "" : ", ") + labels[i];
  }
  if (labels.size() == 1) return text;
  if (labels.size() > kShown) text += fmt::format(", … ({} labels)", labels.size());
  return "one of " + text;
}

class Checker {
 public:
  Checker(const Table& table, const Schema& schema) : table_(table), schema_(schema) {}

  CheckReport run() {
    report_.rows = table_.rows();
    check_header();
    check_row_count();
    for (std::size_t column = 0; column < table_.columns(); ++column) {
      report_.columns.push_back(check_column(column));
    }
    if (schema_.duplicates != Duplicates::kIgnore) find_duplicates();
    std::stable_sort(report_.violations.begin(), report_.violations.end(),
                     [](const Violation& a, const Violation& b) {
                       return std::pair(a.place.line, a.place.column) <
                              std::pair(b.place.line, b.place.column);
                     });
    return std::move(report_);
  }

 private:
  // `place` and `found` are asked for only when the violation is kept.
  template <class At, class Found>
  void violate(ViolationKind kind, const std::string& column, At&& place, Found&& found,
               std::string_view expected) {
    auto& count = report_.counts[static_cast<std::size_t>(kind)];
    if (count++ >= CheckReport::kKeptPerKind) return;
    report_.violations.push_back({kind, place(), column, found(), std::string(expected)});
  }

  const ColumnRule* rule_of(const std::string& name) const {
    const auto found = std::find_if(schema_.columns.begin(), schema_.columns.end(),
                                    [&](const ColumnRule& rule) { return rule.name == name; });
    return found == schema_.columns.end() ? nullptr : &*found;
  }

  void check_header() {
    std::vector<std::string> known;  // the table's columns that the schema has, in their order
    for (std::size_t i = 0; i < table_.columns(); ++i) {
      const auto& name = table_.column_names()[i];
      if (rule_of(name) != nullptr) {
        known.push_back(name);
        continue;
      }
      violate(
          ViolationKind::kHeader, name, [&] { return table_.header_place(i); },
          [&] { return fmt::format("the column {}", in_quotes(name)); },
          "only columns of the schema");
    }
    std::vector<std::string> order;  // the schema's columns that the table has, in their order
    for (const ColumnRule& rule : schema_.columns) {
      if (table_.find_column(rule.name)) {
        order.push_back(rule.name);
        continue;
      }
      violate(
          ViolationKind::kHeader, rule.name, [] { return Place{}; },
          [] { return "no such column"; }, fmt::format("a {} column", name_of(rule.type)));
    }
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (known[i] == order[i]) continue;
      violate(
          ViolationKind::kHeader, known[i],
          [&] { return table_.header_place(*table_.find_column(known[i])); },
          [&] { return in_quotes(known[i]); }, in_quotes(order[i]) + " here, as in the schema");
      return;  // what follows is out of order for the same reason
    }
  }

  void check_row_count() {
    const std::size_t rows = table_.rows();
    const bool few = rows < schema_.min_rows;
    if (!few && (!schema_.max_rows || rows <= *schema_.max_rows)) return;
    violate(
        ViolationKind::kRows, "", [] { return Place{}; },
        [&] { return fmt::format("{} row{}", rows, rows == 1 ? "" : "s"); },
        few ? fmt::format("at least {}", schema_.min_rows)
            : fmt::format("at most {}", *schema_.max_rows));
  }

  ColumnSummary check_column(std::size_t column) {
    ColumnSummary summary;
    summary.name = table_.column_names()[column];
    const ColumnRule* rule = rule_of(summary.name);
    const ColumnRule any{.name = summary.name, .max_missing_share = 1};
    if (rule == nullptr) rule = &any;
    summary.type = rule->type;
    const std::string range = rule->min || rule->max ? describe_range(*rule) : "";
    const std::string labels = describe_labels(rule->labels);
    double sum = 0;
    for (std::size_t row = 0; row < table_.rows(); ++row) {
      const std::string_view text = table_.cell(row, column);
      const auto place = [&] { return table_.place(row, column); };
      const auto found = [&] { return in_quotes(text); };
      const auto& listed = rule->labels;  // a label of that name is a value
      if (is_missing(text) && std::find(listed.begin(), listed.end(), text) == listed.end()) {
        ++summary.missing;
        if (rule->max_missing_share > 0) continue;
        violate(
            ViolationKind::kMissing, summary.name, place, [&] { return describe_no_number(text); },
            rule->type == ColumnType::kNumber ? "a number" : "a value");
      } else if (rule->type == ColumnType::kNumber) {
        const auto number = parse_number(text);
        if (!number) {
          violate(
              ViolationKind::kType, summary.name, place, [&] { return describe_no_number(text); },
              "a number");
          continue;
        }
        if ((rule->min && *number < *rule->min) || (rule->max && *number > *rule->max)) {
          violate(
              ViolationKind::kRange, summary.name, place,
              [&] { return fmt::format("{}", *number); }, range);
        }
        summary.min = summary.numbers == 0 ? *number : std::min(summary.min, *number);
        summary.max = summary.numbers == 0 ? *number : std::max(summary.max, *number);
        ++summary.numbers;
        sum += *number;
      } else if (rule->type == ColumnType::kCategory) {
        const std::string label(text);
        if (summary.labels.size() < limits::kClasses || summary.labels.count(label) > 0) {
          ++summary.labels[label];
        }
        if (!rule->labels.empty() &&
            std::find(rule->labels.begin(), rule->labels.end(), label) == rule->labels.end()) {
          violate(ViolationKind::kLabel, summary.name, place, found, labels);
        }
      }
    }
    if (summary.numbers > 0) summary.mean = sum / static_cast<double>(summary.numbers);
    check_shares(column, *rule, summary);
    return summary;
  }

  void check_shares(std::size_t column, const ColumnRule& rule, const ColumnSummary& summary) {
    if (table_.rows() == 0) return;
    const auto rows = static_cast<double>(table_.rows());
    const auto place = [&] { return table_.header_place(column); };
    const double missing = static_cast<double>(summary.missing) / rows;
    if (rule.max_missing_share > 0 && missing > rule.max_missing_share) {
      violate(
          ViolationKind::kMissingShare, rule.name, place,
          [&] { return percent(missing) + " of the cells missing"; },
          fmt::format("at most {}", percent(rule.max_missing_share)));
    }
    if (rule.min_class_share <= 0) return;
    auto labels = summary.labels;
    if (!rule.labels
             .empty()) {  // a listed label may be absent, an unlisted one is a violation already
      labels.clear();
      for (const auto& label : rule.labels) {
        const auto found = summary.labels.find(label);
        labels[label] = found == summary.labels.end() ? 0 : found->second;
      }
    }
    for (const auto& [label, count] : labels) {
      const double share = static_cast<double>(count) / rows;
      if (share >= rule.min_class_share) continue;
      violate(
          ViolationKind::kClassShare, rule.name, place,
          [&, text = label] { return fmt::format("{} in {} of the rows", text, percent(share)); },
          fmt::format("at least {}", percent(rule.min_class_share)));
    }
  }

  // Numbers are compared by value: 5.0 repeats 5.
  std::size_t hash_of(std::size_t row) const {
    std::size_t hash = 0;
    for (std::size_t column = 0; column < table_.columns(); ++column) {
      const auto text = table_.cell(row, column);
      const auto number = number_at(row, column);
      // Adding 0 makes −0 and 0 one value.
      const std::size_t one =
          number ? std::hash<double>{}(*number + 0.0) : std::hash<std::string_view>{}(text);
      hash ^= one + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
    }
    return hash;
  }

  bool same_rows(std::size_t a, std::size_t b) const {
    for (std::size_t column = 0; column < table_.columns(); ++column) {
      if (table_.cell(a, column) == table_.cell(b, column)) continue;
      const auto x = number_at(a, column);
      if (!x || x != number_at(b, column)) return false;
    }
    return true;
  }

  std::optional<double> number_at(std::size_t row, std::size_t column) const {
    if (report_.columns[column].type != ColumnType::kNumber) return std::nullopt;
    return parse_number(table_.cell(row, column));
  }

  void find_duplicates() {
    std::vector<std::pair<std::size_t, std::size_t>>
        rows;  // (hash, row): equal rows are neighbours
    rows.reserve(table_.rows());
    for (std::size_t row = 0; row < table_.rows(); ++row) rows.emplace_back(hash_of(row), row);
    std::sort(rows.begin(), rows.end());
    std::vector<std::pair<std::size_t, std::size_t>> repeats;  // (row, the row it repeats)
    for (std::size_t begin = 0; begin < rows.size();) {
      std::vector<std::size_t> distinct;  // within one hash: a collision makes more than one
      std::size_t i = begin;
      for (; i < rows.size() && rows[i].first == rows[begin].first; ++i) {
        const auto first = std::find_if(distinct.begin(), distinct.end(), [&](std::size_t row) {
          return same_rows(row, rows[i].second);
        });
        if (first == distinct.end()) {
          distinct.push_back(rows[i].second);
        } else {
          repeats.emplace_back(rows[i].second, *first);
        }
      }
      begin = i;
    }
    std::sort(repeats.begin(), repeats.end());
    report_.duplicate_count = repeats.size();
    for (const auto& [row, first] : repeats) {
      const std::size_t line = table_.place(row, 0).line;
      const std::size_t first_line = table_.place(first, 0).line;
      if (report_.duplicates.size() < CheckReport::kKeptPerKind) {
        report_.duplicates.push_back({line, first_line});
      }
      if (schema_.duplicates != Duplicates::kError) continue;
      violate(
          ViolationKind::kDuplicate, "", [&, at = row] { return table_.place(at, 0); },
          [&] { return fmt::format("the row of line {} again", first_line); }, "no row twice");
    }
  }

  const Table& table_;
  const Schema& schema_;
  CheckReport report_;
};

}  // namespace

const char* name_of(ViolationKind kind) {
  switch (kind) {
    case ViolationKind::kHeader:
      return "header";
    case ViolationKind::kRows:
      return "rows";
    case ViolationKind::kMissing:
      return "missing";
    case ViolationKind::kMissingShare:
      return "missing_share";
    case ViolationKind::kType:
      return "type";
    case ViolationKind::kRange:
      return "range";
    case ViolationKind::kLabel:
      return "label";
    case ViolationKind::kClassShare:
      return "class_share";
    case ViolationKind::kDuplicate:
      return "duplicate";
  }
  return "";
}

std::size_t CheckReport::violation_count() const {
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

CheckReport check(const Table& table, const Schema& schema) {
  return Checker(table, schema).run();
}

}  // namespace iris::dataset
