// iris check: holds a CSV file against its schema, lists every violation and sums the table up.
#include "dataset/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.hpp"
#include "cli/held_out.hpp"
#include "cli/print.hpp"
#include "dataset/schema.hpp"

namespace iris::cli {
namespace {

using dataset::CheckReport;
using dataset::ColumnSummary;
using dataset::ColumnType;

// In text form; --json lists up to CheckReport::kKeptPerKind.
constexpr std::size_t kShownPerKind = 20;

struct CheckOptions {
  std::string data;
  std::string schema = "data/schema.yaml";
  std::string separator;
  bool json = false;
};

std::string plural(std::size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string describe_labels(const ColumnSummary& column, std::size_t rows) {
  constexpr std::size_t kShownLabels = 12;
  std::string text;
  std::size_t shown = 0;
  for (const auto& [label, count] : column.labels) {
    if (shown++ == kShownLabels) {
      return text + fmt::format(", … ({} in all)", plural(column.labels.size(), "label"));
    }
    text += fmt::format("{}{} {} ({:.1f} %)", shown == 1 ? "" : ", ", label, count,
                        100.0 * static_cast<double>(count) / static_cast<double>(rows));
  }
  return text.empty() ? "no labels" : text;
}

void print_check_summary(const CheckOptions& options, const CheckReport& report) {
  print("{}: {}, {}\n\n", options.data, plural(report.rows, "row"),
        plural(report.columns.size(), "column"));
  std::size_t width = 6;
  for (const auto& column : report.columns) width = std::max(width, column.name.size());
  print("{:<{}}  {:<8}  {:>7}  {:>9}  {:>9}  {:>9}\n", "column", width, "type", "missing", "min",
        "mean", "max");
  for (const auto& column : report.columns) {
    print("{:<{}}  {:<8}  {:>7}", column.name, width, name_of(column.type), column.missing);
    if (column.type == ColumnType::kNumber && column.numbers > 0) {
      print("  {:>9.5g}  {:>9.5g}  {:>9.5g}", column.min, column.mean, column.max);
    } else if (column.type == ColumnType::kCategory) {
      print("  {}", describe_labels(column, report.rows));
    }
    print("\n");
  }
  if (report.duplicate_count > 0) {
    const auto& first = report.duplicates.front();
    print("\nduplicates: {} (line {} repeats line {}{})\n", plural(report.duplicate_count, "row"),
          first.line, first.first_line, report.duplicate_count > 1 ? ", …" : "");
  } else {
    print("\nduplicates: none found\n");
  }
}

void print_violations(const CheckOptions& options, const CheckReport& report) {
  std::array<std::size_t, dataset::kViolationKinds> shown{};
  for (const auto& violation : report.violations) {
    if (shown[static_cast<std::size_t>(violation.kind)]++ >= kShownPerKind) continue;
    print("{}:{}:{}: {}{}found {}, expected {}\n", options.data, violation.place.line,
          violation.place.column, violation.column, violation.column.empty() ? "" : ": ",
          violation.found, violation.expected);
  }
  for (std::size_t kind = 0; kind < report.counts.size(); ++kind) {
    if (report.counts[kind] <= kShownPerKind) continue;
    print("… and {} more of the kind '{}'\n", report.counts[kind] - kShownPerKind,
          name_of(static_cast<dataset::ViolationKind>(kind)));
  }
  const std::size_t count = report.violation_count();
  if (count == 0) {
    print("ok: no violation of {}\n", options.schema);
  } else {
    print("failed: {} of {}\n", plural(count, "violation"), options.schema);
  }
}

nlohmann::ordered_json to_json(const ColumnSummary& column) {
  nlohmann::ordered_json json{
      {"name", column.name}, {"type", name_of(column.type)}, {"missing", column.missing}};
  if (column.type == ColumnType::kNumber) {
    const bool any = column.numbers > 0;
    json["min"] = any ? nlohmann::ordered_json(column.min) : nullptr;
    json["mean"] = any ? nlohmann::ordered_json(column.mean) : nullptr;
    json["max"] = any ? nlohmann::ordered_json(column.max) : nullptr;
  } else if (column.type == ColumnType::kCategory) {
    json["labels"] = column.labels;
  }
  return json;
}

void print_check_json(const CheckOptions& options, const CheckReport& report) {
  nlohmann::ordered_json json{{"data", options.data},
                              {"schema", options.schema},
                              {"ok", report.violation_count() == 0},
                              {"rows", report.rows}};
  json["columns"] = nlohmann::ordered_json::array();
  for (const auto& column : report.columns) json["columns"].push_back(to_json(column));
  json["duplicate_count"] = report.duplicate_count;
  json["duplicates"] = nlohmann::ordered_json::array();
  for (const auto& row : report.duplicates) {
    json["duplicates"].push_back({{"line", row.line}, {"first_line", row.first_line}});
  }
  json["violation_count"] = report.violation_count();
  json["violations"] = nlohmann::ordered_json::array();
  for (const auto& violation : report.violations) {
    json["violations"].push_back({{"kind", name_of(violation.kind)},
                                  {"line", violation.place.line},
                                  {"column", violation.place.column},
                                  {"name", violation.column},
                                  {"found", violation.found},
                                  {"expected", violation.expected}});
  }
  print_json(json);
}

Result<ExitCode> run_check(const CheckOptions& options) {
  const auto schema = dataset::read_schema(options.schema);
  if (!schema) return tl::unexpected(schema.error());
  const auto table = read_table(options.data, options.separator);
  if (!table) return tl::unexpected(table.error());
  const CheckReport report = dataset::check(*table, *schema);
  if (options.json) {
    print_check_json(options, report);
  } else {
    print_check_summary(options, report);
    print_violations(options, report);
  }
  return report.violation_count() == 0 ? ExitCode::kDone : ExitCode::kGate;
}

}  // namespace

Command check_command() {
  return {
      "check", "Hold a CSV file against its schema; exit 1 when it violates it",
      "iris check data/data.csv --schema data/schema.yaml", [](CLI::App& app) -> Action {
        auto options = std::make_shared<CheckOptions>();
        app.add_option("DATA", options->data, "CSV file with a header")->required();
        app.add_option("--schema", options->schema, "What the file must be")->capture_default_str();
        app.add_option("--separator", options->separator, kSeparatorHelp);
        app.add_flag("--json", options->json, "Print one JSON object instead of text");
        return [options](Context&) { return run_check(*options); };
      }};
}

}  // namespace iris::cli
