// iris pull: fetches what DVC files name, from a remote that is a folder, and verifies it.
#include "dataset/pull.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "dataset/dvc.hpp"

namespace iris::cli {
namespace {

using dataset::DvcOut;
using dataset::PullResult;

struct PullOptions {
  std::vector<std::string> targets;
  bool json = false;
};

// "3,858 bytes".
std::string bytes_text(std::uint64_t bytes) {
  std::string digits = std::to_string(bytes);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits + (bytes == 1 ? " byte" : " bytes");
}

const char* state_of(const PullResult& result) {
  if (result.error) return "failed";
  return result.fetched ? "fetched" : "up to date";
}

void print_line(const DvcOut& out, const PullResult& result, std::size_t width) {
  const std::string path = out.directory ? out.path + "/" : out.path;
  fmt::print("{:<10}  {:<{}}", state_of(result), path, width);
  if (!result.error) {
    fmt::print("  {}", bytes_text(result.bytes));
    if (out.directory) fmt::print(" in {} file{}", result.files, result.files == 1 ? "" : "s");
  }
  fmt::print("\n");
}

nlohmann::ordered_json to_json(const DvcOut& out, const PullResult& result) {
  nlohmann::ordered_json json{{"path", out.path},
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

Result<std::vector<DvcOut>> chosen_outs(const dataset::DvcRepository& repository,
                                        const std::vector<std::string>& targets) {
  auto outs = dataset::read_dvc_outs(repository);
  if (!outs || targets.empty()) return outs;
  std::vector<DvcOut> chosen;
  for (const auto& target : targets) {
    auto selected = dataset::select_dvc_outs(repository, *outs, ".", target);
    if (!selected) return tl::unexpected(selected.error());
    for (auto& out : *selected) {
      const bool known = std::any_of(chosen.begin(), chosen.end(),
                                     [&](const DvcOut& other) { return other.path == out.path; });
      if (!known) chosen.push_back(std::move(out));
    }
  }
  return chosen;
}

Result<ExitCode> run_pull(const PullOptions& options, Log& log) {
  const auto repository = dataset::open_dvc_repository(".");
  if (!repository) return tl::unexpected(repository.error());
  const auto outs = chosen_outs(*repository, options.targets);
  if (!outs) return tl::unexpected(outs.error());
  if (outs->empty()) log.warn("no .dvc file and no dvc.lock here names an output to fetch");

  std::size_t width = 0;
  for (const DvcOut& out : *outs)
    width = std::max(width, out.path.size() + (out.directory ? 1 : 0));
  auto json = nlohmann::ordered_json::array();
  ExitCode worst = ExitCode::kDone;
  for (const DvcOut& out : *outs) {
    const PullResult result = dataset::pull(*repository, out);
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
    fmt::print("{}\n",
               nlohmann::ordered_json{{"ok", worst == ExitCode::kDone}, {"outs", json}}.dump(
                   2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }
  return worst;
}

}  // namespace

Command pull_command() {
  return {"pull", "Fetch and verify what DVC files name",
          "iris pull                       everything that *.dvc files and dvc.lock name\n"
          "  iris pull data/data.csv.dvc     what one file names\n"
          "  iris pull models/model.onnx     one output\n"
          "\n"
          "The remote is a folder ('dvc pull' fetches from others). A file that differs is\n"
          "replaced; what it held stays in DVC's cache. Exit status: 2 when an object is missing\n"
          "or broken, 3 when the remote cannot be reached or the disk not written.",
          [](CLI::App& app) -> Action {
            auto options = std::make_shared<PullOptions>();
            app.add_option("TARGET", options->targets,
                           "A .dvc file, dvc.lock, an output, or a folder above outputs");
            app.add_flag("--json", options->json, "Print one JSON object instead of text");
            return [options](Context& context) { return run_pull(*options, context.log); };
          }};
}

}  // namespace iris::cli
