// iris pull: fetches what DVC files name, and verifies it.
#include "dataset/pull.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/dvc_targets.hpp"
#include "cli/print.hpp"
#include "cli/progress.hpp"
#include "dataset/dvc.hpp"

namespace iris::cli {
namespace {

using dataset::DvcOut;
using dataset::PullResult;

struct PullOptions {
  std::vector<std::string> targets;
  std::vector<std::string> token_hosts;
  std::size_t jobs = 16;
  bool json = false;
};

const char* state_of(const PullResult& result) {
  if (result.error) return "failed";
  return result.fetched ? "fetched" : "up to date";
}

void print_line(const DvcOut& out, const PullResult& result, std::size_t width) {
  print("{:<10}  {:<{}}", state_of(result), shown_path(out), width);
  if (!result.error) {
    print("  {}", bytes_text(result.bytes));
    if (out.directory) print(" in {} file{}", result.files, result.files == 1 ? "" : "s");
  }
  print("\n");
}

nlohmann::ordered_json to_json(const DvcOut& out, const PullResult& result) {
  nlohmann::ordered_json json{{"path", out.within.empty() ? out.path : shown_path(out)},
                              {"named_by", out.named_by},
                              {"md5", out.md5},
                              {"directory", out.directory},
                              {"state", result.error     ? "failed"
                                        : result.fetched ? "fetched"
                                                         : "up_to_date"},
                              {"files", result.files},
                              {"bytes", result.bytes},
                              {"notes", result.notes},
                              {"error", nullptr}};
  if (result.error) json["error"] = result.error->message;
  return json;
}

Result<ExitCode> run_pull(const PullOptions& options, Context& context) {
  Log& log = context.log;
  const auto repository = dataset::open_dvc_repository(".");
  if (!repository) return tl::unexpected(repository.error());
  const auto chosen = chosen_outs(*repository, options.targets, log);
  if (!chosen) return tl::unexpected(chosen.error());
  const std::vector<DvcOut>& outs = chosen->outs;
  if (outs.empty() && chosen->worst == ExitCode::kDone)
    log.warn("no .dvc file and no dvc.lock here names an output to fetch");

  Progress progress("fetching", context.clock, log);
  const auto results = dataset::pull(
      *repository, outs,
      {.jobs = options.jobs, .remote = {.token_hosts = options.token_hosts}, .watcher = &progress});
  progress.finish();

  const std::size_t width = path_width(outs);
  auto json = nlohmann::ordered_json::array();
  ExitCode worst = chosen->worst;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const DvcOut& out = outs[i];
    const PullResult& result = results[i];
    if (options.json) {
      json.push_back(to_json(out, result));
    } else {
      print_line(out, result, width);
      std::fflush(stdout);  // the line comes before what the log says about it
    }
    for (const auto& note : result.notes) log.warn("{}", note);
    if (!result.error) continue;
    log.error("{}: {}", out.path, result.error->message);
    worst = std::max(worst, result.error->code);
  }
  if (options.json) {
    print_json({{"ok", worst == ExitCode::kDone}, {"outs", json}});
  }
  return worst;
}

}  // namespace

Command pull_command() {
  return {
      "pull", "Fetch and verify what DVC files name",
      "iris pull                       everything that *.dvc files and dvc.lock name\n"
      "  iris pull data/data.csv.dvc     what one file names\n"
      "  iris pull models/model.onnx     one output\n"
      "\n"
      "The remote is a folder, http://, https:// or gs:// (docs/remotes.md). A file that\n"
      "differs is replaced; what it held stays in DVC's cache. What was received before an\n"
      "interruption is kept, and the next pull goes on from there. Exit status: 1 when a\n"
      "DVC file that was asked for is not understood, 2 when an object is missing or broken, 3\n"
      "when the remote cannot be reached or the disk not written.",
      [](CLI::App& app) -> Action {
        auto options = std::make_shared<PullOptions>();
        app.add_option("TARGET", options->targets,
                       "A DVC file, an output or a part of one, or a folder above");
        app.add_option("-j,--jobs", options->jobs, "Objects at a time")
            ->check(CLI::Range(1, 128))
            ->capture_default_str();
        add_allowed_endpoints(app, options->token_hosts);
        app.add_flag("--json", options->json, "Print one JSON object instead of text");
        return [options](Context& context) { return run_pull(*options, context); };
      }};
}

}  // namespace iris::cli
