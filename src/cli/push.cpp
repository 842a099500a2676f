// iris push: sends what DVC files name to their remotes.
#include "dataset/push.hpp"

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

namespace iris::cli {
namespace {

using dataset::DvcOut;
using dataset::PushResult;

struct PushOptions {
  std::vector<std::string> targets;
  std::vector<std::string> token_hosts;
  std::size_t jobs = 16;
  bool json = false;
};

void print_line(const DvcOut& out, const PushResult& result, std::size_t width) {
  const char* state = result.error ? "failed" : result.sent > 0 ? "sent" : "up to date";
  print("{:<10}  {:<{}}", state, shown_path(out), width);
  if (!result.error && result.sent > 0) {
    print("  {} of {} object{}, {}", result.sent, result.objects, result.objects == 1 ? "" : "s",
          bytes_text(result.bytes_sent));
  }
  print("\n");
}

nlohmann::ordered_json to_json(const DvcOut& out, const PushResult& result) {
  nlohmann::ordered_json json{{"path", out.within.empty() ? out.path : shown_path(out)},
                              {"named_by", out.named_by},
                              {"md5", out.md5},
                              {"directory", out.directory},
                              {"state", result.error      ? "failed"
                                        : result.sent > 0 ? "sent"
                                                          : "up_to_date"},
                              {"objects", result.objects},
                              {"sent", result.sent},
                              {"bytes_sent", result.bytes_sent},
                              {"error", nullptr}};
  if (result.error) json["error"] = result.error->message;
  return json;
}

Result<ExitCode> run_push(const PushOptions& options, Context& context) {
  Log& log = context.log;
  const auto repository = dataset::open_dvc_repository(".");
  if (!repository) return tl::unexpected(repository.error());
  const auto chosen = chosen_outs(*repository, options.targets, log);
  if (!chosen) return tl::unexpected(chosen.error());
  const std::vector<DvcOut>& outs = chosen->outs;
  if (outs.empty() && chosen->worst == ExitCode::kDone)
    log.warn("no .dvc file and no dvc.lock here names an output to send");

  Progress progress("sending", context.clock, log);
  const auto results = dataset::push(
      *repository, outs,
      {.jobs = options.jobs, .remote = {.token_hosts = options.token_hosts}, .watcher = &progress});
  progress.finish();

  const std::size_t width = path_width(outs);
  auto json = nlohmann::ordered_json::array();
  ExitCode worst = chosen->worst;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const DvcOut& out = outs[i];
    const PushResult& result = results[i];
    if (options.json) {
      json.push_back(to_json(out, result));
    } else {
      print_line(out, result, width);
      std::fflush(stdout);
    }
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

Command push_command() {
  return {"push", "Send what DVC files name to its remote",
          "iris push                       everything that *.dvc files and dvc.lock name\n"
          "  iris push data/data.csv.dvc     what one file names\n"
          "\n"
          "Content comes from DVC's cache, or from the working folder when it is there unchanged;\n"
          "'dvc add' and 'dvc commit' record what is new. What the remote has is not sent again.\n"
          "Exit status: 1 when a DVC file that was asked for is not understood, 2 when content is\n"
          "missing here, 3 when the remote cannot be reached or does not take it.",
          [](CLI::App& app) -> Action {
            auto options = std::make_shared<PushOptions>();
            app.add_option("TARGET", options->targets,
                           "A DVC file, an output or a part of one, or a folder above");
            app.add_option("-j,--jobs", options->jobs, "Objects at a time")
                ->check(CLI::Range(1, 128))
                ->capture_default_str();
            add_allowed_endpoints(app, options->token_hosts);
            app.add_flag("--json", options->json, "Print one JSON object instead of text");
            return [options](Context& context) { return run_push(*options, context); };
          }};
}

}  // namespace iris::cli
