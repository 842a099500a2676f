#include "report/markdown.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/markdown.hpp"
#include "base/visible.hpp"
#include "report/text.hpp"

namespace iris::report {
namespace {

constexpr const char* kReferenceMark = " †";

// Columns on the screen: code points, since no wide character occurs in figures.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t to, bool right) {
  const std::string space(to - std::min(to, width(text)), ' ');
  return right ? space + text : text + space;
}

std::string code(const std::string& text) {
  // A code span cannot hold its own delimiter, and no hash, path or version does.
  return text.find_first_of("`\n\r|") == std::string::npos && !text.empty()
             ? "`" + visible(text) + "`"
             : inert_markdown(text);
}

// As an indented block, in which nothing is markup.
void append_words(std::string& out, const Run& run) {
  bool any = false;
  for (const auto& scenario : run.scenarios) {
    const auto words = generator_words(scenario);
    if (words.empty()) continue;
    if (!any) out += fmt::format("## What wrk printed\n\n{}.\n", inert_markdown(kGeneratorWords));
    any = true;
    out += fmt::format("\n{}:\n\n", inert_markdown(title_of(scenario)));
    char before = '\n';
    for (const char c : words) {
      if (before == '\n' && c != '\n') out += "    ";
      out += c;
      before = c;
    }
    if (before != '\n') out += '\n';
  }
  if (any) out += "\n";
}

void append_run(std::string& out, const Run& run) {
  const Summary summary = summarize(run);
  out +=
      fmt::format("# {}\n\n{}\n\n", inert_markdown(summary.title), inert_markdown(summary.verdict));
  out += fmt::format("Measured on {}.\n\n", inert_markdown(summary.machine));
  if (summary.results.rows.empty()) {
    out += "No scenario was recorded.\n\n";
  } else {
    out += results_markdown(summary) + "\n";
  }
  if (!summary.happened.empty()) {
    out += "## What happened\n\n";
    for (const auto& line : summary.happened) out += "- " + inert_markdown(line) + "\n";
    out += "\n";
  }
  if (!summary.comparisons.rows.empty()) {
    out += "## One factor at a time\n\n" + to_markdown(summary.comparisons) + "\n";
  }
  if (!summary.checks.rows.empty()) {
    out +=
        "## Checks\n\nWhat must hold for the figures to be "
        "believed.\n\n";
    out += to_markdown(summary.checks) + "\n";
  }
  append_words(out, run);
  out += "## Terms\n\n";
  for (const auto& [term, text] : summary.notes) {
    out += fmt::format("- **{}**: {}\n", inert_markdown(term), inert_markdown(text));
  }
  out += "\n## Provenance\n\n";
  for (const auto& [name, value] : summary.provenance) {
    out += fmt::format("- {}: {}\n", inert_markdown(name), code(value));
  }
}

}  // namespace

std::string to_markdown(const Table& table) {
  std::vector<std::size_t> widths;
  for (const auto& column : table.columns) widths.push_back(width(column.title));
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : table.rows) {
    auto& cells = rows.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      cells.push_back(inert_markdown(row[i]));
      widths[i] = std::max(widths[i], width(cells[i]));
    }
  }
  std::string out = "|";
  for (std::size_t i = 0; i < widths.size(); ++i) {
    out += " " + padded(table.columns[i].title, widths[i], table.columns[i].numeric) + " |";
  }
  out += "\n|";
  for (std::size_t i = 0; i < widths.size(); ++i) {
    out += table.columns[i].numeric ? " " + std::string(widths[i] - 1, '-') + ": |"
                                    : " " + std::string(widths[i], '-') + " |";
  }
  out += "\n";
  for (const auto& row : rows) {
    out += "|";
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += " " + padded(row[i], widths[i], table.columns[i].numeric) + " |";
    }
    out += "\n";
  }
  return out;
}

std::string results_markdown(const Summary& summary) {
  Table marked = summary.results;
  bool any = false;
  for (std::size_t i = 0; i < marked.rows.size(); ++i) {
    if (!summary.reference[i]) continue;
    marked.rows[i][0] += kReferenceMark;
    any = true;
  }
  std::string out = to_markdown(marked);
  if (any) out += "\n† a row of the reference system's own result table\n";
  return out;
}

std::string to_markdown(const std::vector<Run>& runs) {
  std::string out;
  for (const auto& run : runs) {
    if (!out.empty()) out += "\n";
    append_run(out, run);
  }
  return out;
}

}  // namespace iris::report
