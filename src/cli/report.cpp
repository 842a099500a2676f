// iris report: a run's records as a table on standard output, as Markdown and as a page.
#include <fmt/format.h>

#include <memory>

#include "base/file.hpp"
#include "cli/commands.hpp"
#include "cli/overwriting.hpp"
#include "cli/print.hpp"
#include "report/html.hpp"
#include "report/markdown.hpp"

namespace iris::cli {
namespace {

struct Flags {
  std::string results;
  std::string markdown;
  std::string html;
};

Result<ExitCode> run_report(const Flags& flags, Context& context) {
  const auto runs = report::read_runs(flags.results);
  if (!runs) return tl::unexpected(runs.error());
  std::vector<NamedPath> inputs;
  for (const auto& run : *runs) inputs.push_back({"RESULTS", run.source});
  if (auto ok =
          refuse_overwriting({{"--markdown", flags.markdown}, {"--html", flags.html}}, inputs);
      !ok) {
    return tl::unexpected(ok.error());
  }
  for (const auto& run : *runs) {
    const auto summary = report::summarize(run);
    for (const auto& line : summary.happened) context.log.warn("{}: {}", run.source, line);
    print("{}\n", summary.title);
    fmt::print("{}\n", report::results_markdown(summary));
    print("{}\n", summary.verdict);
  }
  if (!flags.markdown.empty()) {
    const auto written = write_file(flags.markdown, report::to_markdown(*runs));
    if (!written) return tl::unexpected(written.error());
    context.log.info("wrote {}", flags.markdown);
  }
  if (!flags.html.empty()) {
    const auto written = write_file(flags.html, report::to_html(*runs));
    if (!written) return tl::unexpected(written.error());
    context.log.info("wrote {}", flags.html);
  }
  return ExitCode::kDone;
}

}  // namespace

Command report_command() {
  return {"report", "Draw the records of a run: table, Markdown, one self-contained page",
          "iris report results --markdown report.md --html report.html",
          [](CLI::App& app) -> Action {
            const auto flags = std::make_shared<Flags>();
            app.add_option("RESULTS", flags->results,
                           "A .jsonl file that 'iris scale' wrote, or a folder of them")
                ->required();
            app.add_option("--markdown", flags->markdown, "Write the report as Markdown here");
            app.add_option("--html", flags->html, "Write the report as one offline page here");
            return [flags](Context& context) { return run_report(*flags, context); };
          }};
}

}  // namespace iris::cli
