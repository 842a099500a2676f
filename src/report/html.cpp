#include "report/html.hpp"

#include <fmt/format.h>

#include <string_view>

#include "base/digest.hpp"
#include "report/assets.hpp"
#include "report/chart_data.hpp"
#include "report/summary.hpp"
#include "report/text.hpp"

namespace iris::report {
namespace {

std::string policy_source(std::string_view script) {
  return "'sha256-" + sha256_base64(script) + "'";
}

// A script element. The browser's hash covers exactly what stands between the tags.
std::string script_element(std::string_view script) {
  return fmt::format("<script>{}</script>\n", script);
}

// The library names a source map that is not there to be fetched.
std::string without_source_map(std::string_view script) {
  return std::string(script.substr(0, script.rfind("//# sourceMappingURL=")));
}

std::string cell(const std::string& text, const Column& column) {
  const std::string missing =
      text.find(kMissing) == std::string::npos
          ? ""
          : " title=\"– means: not measured, or too few requests to support the figure\"";
  return fmt::format("<td{} data-label=\"{}\"{}>{}</td>", column.numeric ? " class=\"number\"" : "",
                     html_escaped(column.title), missing, html_escaped(text));
}

std::string header(const Column& column) {
  return fmt::format(
      "<th scope=\"col\"{}{}>{}</th>", column.numeric ? " class=\"number\"" : "",
      column.meaning.empty() ? "" : " title=\"" + html_escaped(column.meaning) + "\"",
      html_escaped(column.title));
}

// The observation, the last column, gets a line of its own under each scenario's figures.
std::string results_table(const Summary& summary, std::size_t first) {
  const auto& columns = summary.results.columns;
  std::string out = "<table class=\"cards results\">\n<thead><tr>";
  for (std::size_t i = 0; i + 1 < columns.size(); ++i) out += header(columns[i]);
  out += "</tr></thead>\n";
  for (std::size_t row = 0; row < summary.results.rows.size(); ++row) {
    const auto& cells = summary.results.rows[row];
    out += fmt::format(
        "<tbody{}><tr><th scope=\"row\"><a href=\"#s{}\">{}</a>{}</th>",
        summary.reference[row] ? " class=\"reference\"" : "", first + row, html_escaped(cells[0]),
        summary.reference[row] ? " <span class=\"pill\" title=\"a row of the reference "
                                 "system's own result table\">reference</span>"
                               : "");
    for (std::size_t i = 1; i + 1 < cells.size(); ++i) out += cell(cells[i], columns[i]);
    out += fmt::format("</tr><tr class=\"observation\"><td colspan=\"{}\">{}</td></tr></tbody>\n",
                       columns.size() - 1, html_escaped(cells.back()));
  }
  return out + "</table>\n";
}

std::string plain_table(const Table& table) {
  std::string out = "<table class=\"cards\">\n<thead><tr>";
  for (const auto& column : table.columns) out += header(column);
  out += "</tr></thead>\n<tbody>";
  for (const auto& row : table.rows) {
    out += "<tr><th scope=\"row\">" + html_escaped(row[0]) + "</th>";
    for (std::size_t i = 1; i < row.size(); ++i) out += cell(row[i], table.columns[i]);
    out += "</tr>\n";
  }
  return out + "</tbody></table>\n";
}

std::string list(const std::vector<std::string>& lines) {
  std::string out = "<ul>\n";
  for (const auto& line : lines) out += "<li>" + html_escaped(line) + "</li>\n";
  return out + "</ul>\n";
}

std::string definitions(const Entries& entries, const char* kind) {
  std::string out = fmt::format("<dl class=\"{}\">\n", kind);
  for (const auto& [term, text] : entries) {
    out +=
        fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", html_escaped(term), html_escaped(text));
  }
  return out + "</dl>\n";
}

std::string ticks_table(const Scenario& scenario) {
  Table table;
  table.columns = {{"Time", "since the load began", false},
                   {"Utilization", "of the request, as the HPA saw it"},
                   {"Ratio", "utilization over target"},
                   {"Asked for", "replicas that the metric proposed"},
                   {"Decided", "current → desired"},
                   {"Limited by", "", false},
                   {"Because", "", false}};
  for (const auto& tick : scenario.ticks) {
    table.rows.push_back(
        {seconds(tick.t),
         tick.utilization_percent ? count(tick.utilization_percent) + " %" : kMissing,
         times(tick.ratio), count(tick.proposed), count(tick.current) + " → " + count(tick.desired),
         tick.limited_by.empty() ? "nothing" : tick.limited_by,
         tick.error.empty() ? tick.because : tick.error});
  }
  return plain_table(table);
}

std::string events_table(const Scenario& scenario) {
  Table table;
  table.columns = {
      {"Time", "since the load began", false}, {"Event", "", false}, {"What", "", false}};
  for (const auto& event : scenario.events) {
    table.rows.push_back({seconds(event.t), event.kind, event.message});
  }
  return plain_table(table);
}

std::string details(const std::string& summary, const std::string& content) {
  return fmt::format("<details><summary>{}</summary><div class=\"scroll\">{}</div></details>\n",
                     html_escaped(summary), content);
}

std::string scenario_section(const Run& run, const Scenario& scenario, std::size_t index) {
  std::string out = fmt::format(
      "<section class=\"scenario\" id=\"s{0}\" data-index=\"{0}\">\n<h3>{1}{2}</h3>\n"
      "<p class=\"observation\">{3}</p>\n",
      index, html_escaped(title_of(scenario)),
      scenario.reference ? " <span class=\"pill\">reference</span>" : "",
      html_escaped(observation(run, scenario)));
  if (!scenario.load_argv.empty()) {
    std::string command;
    for (const auto& word : scenario.load_argv) command += (command.empty() ? "" : " ") + word;
    out += "<p class=\"command\"><code>" + html_escaped(command) + "</code></p>\n";
  }
  out += scenario.samples.empty()
             ? "<p class=\"empty\">No sample was recorded.</p>\n"
             : "<div class=\"charts\"><noscript>The charts need JavaScript.</noscript></div>\n";
  if (!scenario.ticks.empty()) {
    out +=
        details(fmt::format("HPA decisions: {}",
                            counted(static_cast<double>(scenario.ticks.size()), "sync", "syncs")),
                ticks_table(scenario));
  }
  if (!scenario.events.empty()) {
    out += details(fmt::format("Events: {}", scenario.events.size()), events_table(scenario));
  }
  if (const auto words = generator_words(scenario); !words.empty()) {
    out += details(
        "What wrk printed",
        fmt::format("<p>{}.</p><pre>{}</pre>", html_escaped(kGeneratorWords), html_escaped(words)));
  }
  return out + "</section>\n";
}

std::string headlines(const Summary& summary) {
  std::string out = "<div class=\"headlines\">\n";
  for (const auto& [figure, caption] : summary.headlines) {
    out += fmt::format("<div><strong>{}</strong><span>{}</span></div>\n", html_escaped(figure),
                       html_escaped(caption));
  }
  return out + "</div>\n";
}

// One run; its scenarios take the numbers from `first` on.
std::string article(const Run& run, const Summary& summary, std::size_t first) {
  std::string out = fmt::format("<article>\n<header>\n<h1>{}</h1>\n<p class=\"verdict\">{}</p>\n",
                                html_escaped(summary.title), html_escaped(summary.verdict));
  out += headlines(summary);
  out += "<p class=\"machine\">Measured on " + html_escaped(summary.machine) + ".</p>\n</header>\n";
  if (!summary.happened.empty()) {
    out += "<section class=\"happened\"><h2>What happened</h2>" + list(summary.happened) +
           "</section>\n";
  }
  if (summary.results.rows.empty()) {
    out += "<p class=\"empty\">No scenario was recorded.</p>\n";
  } else {
    out += "<section><h2>Results</h2>" + results_table(summary, first) + "</section>\n";
    out += fmt::format(
        "<section class=\"overview\" data-first=\"{}\" data-count=\"{}\">"
        "<h2>Requests/s in every scenario</h2><div class=\"charts wide\"></div></section>\n",
        first, run.scenarios.size());
  }
  if (!summary.comparisons.rows.empty()) {
    out += "<section><h2>One factor at a time</h2>" + plain_table(summary.comparisons) +
           "</section>\n";
  }
  if (!run.scenarios.empty()) out += "<h2>Scenarios</h2>\n";
  for (std::size_t i = 0; i < run.scenarios.size(); ++i) {
    out += scenario_section(run, run.scenarios[i], first + i);
  }
  if (!summary.checks.rows.empty()) {
    out +=
        "<section><h2>Checks</h2><p>What must hold for the "
        "figures to be believed.</p>" +
        plain_table(summary.checks) + "</section>\n";
  }
  out += "<section><h2>Terms</h2>" + definitions(summary.notes, "terms") + "</section>\n";
  out += "<section><h2>Provenance</h2>" + definitions(summary.provenance, "provenance") +
         "</section>\n";
  return out + "</article>\n";
}

}  // namespace

std::string to_html(const std::vector<Run>& runs) {
  const std::string library = without_source_map(assets::dygraph_js);
  nlohmann::json data = nlohmann::json::array();
  std::string articles;
  std::string title;
  for (const auto& run : runs) {
    const Summary summary = summarize(run);
    articles += article(run, summary, data.size());
    title += (title.empty() ? "" : " · ") + summary.title;
    for (const auto& scenario : run.scenarios) data.push_back(chart_data(run, scenario));
  }
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src {} {}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n",
      policy_source(library), policy_source(assets::report_js), html_escaped(title));
  out += fmt::format("<style>{}\n{}</style>\n</head>\n<body>\n<main>\n", assets::dygraph_css,
                     assets::report_css);
  out += articles + "</main>\n";
  out += "<script type=\"application/json\" id=\"data\">" + script_safe(data) + "</script>\n";
  out += script_element(library) + script_element(assets::report_js);
  return out + "</body>\n</html>\n";
}

}  // namespace iris::report
