// iris doctor: is what the project depends on there, and in order? One line per check.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/subprocess.hpp"
#include "cli/commands.hpp"
#include "cli/dvc_targets.hpp"
#include "cli/print.hpp"
#include "dataset/remote_check.hpp"
#include "remote/partial_file.hpp"

namespace iris::cli {
namespace {

namespace fs = std::filesystem;

constexpr auto kProgramDeadline = std::chrono::seconds(20);

struct DoctorOptions {
  std::string bucket;
  CLI::Option* cluster_flag = nullptr;
  std::string cluster;
  std::vector<std::string> variables;
  std::vector<std::string> token_hosts;
  std::size_t jobs = 16;
  bool json = false;
};

struct Check {
  std::string name;
  ExitCode code = ExitCode::kDone;  // kGate: what is there is wrong; kEnvironment: something lacks
  std::string detail;               // what was found; when it failed, with the fix
};

Check passed(std::string name, std::string detail) {
  return {std::move(name), ExitCode::kDone, std::move(detail)};
}

Check failed(std::string name, ExitCode code, std::string detail) {
  return {std::move(name), code, std::move(detail)};
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

Check check_tool(const std::vector<std::string>& argv, const char* package, bool required) {
  const std::string name = "tool " + argv[0];
  const auto run = run_program(argv, kProgramDeadline);
  if (run) {
    const std::string said = first_line(run->output.empty() ? run->errors : run->output);
    return passed(name, said);
  }
  if (!required) return passed(name, fmt::format("not found, and not needed here ({})", package));
  return failed(name, ExitCode::kEnvironment,
                fmt::format("{}; install it: {}", run.error().message, package));
}

// The value is never looked at but for being there.
Check check_variable(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  if (value != nullptr && *value != '\0') return passed("secret " + variable, "present");
  return failed("secret " + variable, ExitCode::kEnvironment,
                "not set, or empty; set it in the environment, on GitHub in the repository's "
                "Settings, Secrets and variables");
}

// The bucket with the settings (endpoint, credentials) of the DVC remote that is in it, if one is.
remote::RemoteSettings bucket_settings(const std::string& bucket) {
  remote::RemoteSettings settings;
  const std::string url = bucket.find("://") == std::string::npos ? "gs://" + bucket : bucket;
  if (const auto repository = dataset::open_dvc_repository(".")) {
    for (const auto& [name, remote] : repository->remotes) {
      const std::string& at = remote.settings.url;
      const bool same = at == url || at.starts_with(url + "/");
      if (same) settings.options = remote.settings.options;
    }
  }
  settings.url = url;
  return settings;
}

// Writes, reads and removes one small object of a name that nobody else has.
std::vector<Check> check_bucket(const std::string& bucket, const remote::RemoteOptions& options) {
  const auto settings = bucket_settings(bucket);
  const std::string write = "bucket write";
  const auto fails = [](const std::string& name, const Error& error) {
    return failed(name, error.code == ExitCode::kInput ? ExitCode::kGate : error.code,
                  error.message);
  };
  const auto remote = remote::open_remote(settings, options);
  if (!remote) return {fails(write, remote.error())};

  const std::string content =
      fmt::format("iris doctor {:08x}{:08x}", std::random_device{}(), std::random_device{}());
  const std::string key = "iris-doctor-" + md5_hex(content).substr(0, 16);
  const fs::path folder = fs::temp_directory_path() / key;
  const fs::path file = folder / "canary";
  std::vector<Check> checks;
  const auto run = [&] {
    if (auto made = write_file(file.string(), content); !made) {
      checks.push_back(fails(write, made.error()));
      return;
    }
    remote::Upload upload;
    upload.file = file;
    upload.bytes = content.size();
    upload.md5 = md5_hex(content);
    if (auto put = (*remote)->put(key, upload); !put) {
      checks.push_back(fails(write, put.error()));
      return;
    }
    checks.push_back(passed(write, (*remote)->place_of(key)));
    auto copy = remote::PartialFile::open(folder / "copy", {});
    const auto got = copy ? (*remote)->get(key, **copy) : tl::unexpected(copy.error());
    if (!got) {
      checks.push_back(fails("bucket read", got.error()));
    } else if (!*got || (*copy)->md5().value_or("") != md5_hex(content)) {
      checks.push_back(failed("bucket read", ExitCode::kGate,
                              fmt::format("{}: found other bytes than were written; does something "
                                          "else write to the bucket?",
                                          (*remote)->place_of(key))));
    } else {
      checks.push_back(passed("bucket read", "the same bytes came back"));
    }
    const auto removed = (*remote)->remove(key);
    checks.push_back(removed ? passed("bucket delete", "the canary is gone")
                             : fails("bucket delete", removed.error()));
  };
  run();
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return checks;
}

std::vector<Check> check_objects(const dataset::DvcRepository& repository,
                                 const remote::RemoteOptions& remote, std::size_t jobs) {
  auto [outs, faults] = dataset::read_dvc_outs(repository);
  std::erase_if(outs, [](const dataset::DvcOut& out) { return !out.skipped.empty(); });
  const auto results = dataset::check_remote(repository, outs, {.jobs = jobs, .remote = remote});
  std::vector<Check> checks;
  for (const auto& fault : faults) {
    checks.push_back(failed("objects " + fault.named_by, ExitCode::kGate, fault.error.message));
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto& result = results[i];
    const std::string name = "objects " + shown_path(outs[i]);
    const std::size_t before = checks.size();
    if (result.error) checks.push_back(failed(name, result.error->code, result.error->message));
    for (const auto& fault : result.faults) {
      checks.push_back(
          failed(name, ExitCode::kGate, fault + "; 'iris push' where it is sound sends it"));
    }
    if (checks.size() == before) {
      checks.push_back(passed(name, fmt::format("{} present with the right digest ({} downloaded "
                                                "to see it)",
                                                result.objects, result.downloaded)));
    }
  }
  return checks;
}

// Read-only: asks kubectl for the current context and for the server's version.
Check check_cluster(const std::string& wanted) {
  const std::string name = "cluster";
  const auto context = run_program({"kubectl", "config", "current-context"}, kProgramDeadline);
  if (!context) return failed(name, ExitCode::kEnvironment, context.error().message);
  const std::string current = first_line(context->output);
  constexpr const char* kMend =
      "'gcloud container clusters get-credentials NAME --location ZONE' sets one";
  if (!context->status.ok() || current.empty()) {
    return failed(name, ExitCode::kEnvironment, fmt::format("kubectl has no context; {}", kMend));
  }
  if (current.find(wanted) == std::string::npos) {
    return failed(
        name, ExitCode::kEnvironment,
        fmt::format("kubectl's context is {}, expected one of {}; {}", current, wanted, kMend));
  }
  const auto version =
      run_program({"kubectl", "version", "-o", "json", "--request-timeout=10s"}, kProgramDeadline);
  if (!version) return failed(name, ExitCode::kEnvironment, version.error().message);
  const auto json = nlohmann::json::parse(version->output, nullptr, false);
  const auto server = json.is_object() ? json.find("serverVersion") : json.end();
  if (!version->status.ok() || server == json.end() || !server->is_object()) {
    return failed(name, ExitCode::kEnvironment,
                  fmt::format("{} does not answer ({}); is it running, and are the credentials "
                              "valid?",
                              current, first_line(version->errors)));
  }
  return passed(name, fmt::format("{} answers, {}", current,
                                  server->value("gitVersion", nlohmann::json("unknown")).dump()));
}

std::vector<Check> all_checks(const DoctorOptions& options) {
  const bool cluster = options.cluster_flag->count() > 0;
  std::vector<Check> checks{
      check_tool({"git", "--version"}, "'apt-get install git'", true),
      check_tool({"wrk", "--version"}, "'apt-get install wrk'", true),
      check_tool({"dvc", "--version"}, "'dvc add' and 'dvc repro' are; 'pip install dvc'", false)};
  if (cluster) {
    checks.push_back(
        check_tool({"kubectl", "version", "--client"}, "see kubernetes.io/docs/tasks/tools", true));
  }
  for (const auto& variable : options.variables) checks.push_back(check_variable(variable));
  const auto append = [&](std::vector<Check> more) {
    std::move(more.begin(), more.end(), std::back_inserter(checks));
  };
  const remote::RemoteOptions remote{.token_hosts = options.token_hosts};
  if (!options.bucket.empty()) append(check_bucket(options.bucket, remote));
  if (const auto repository = dataset::open_dvc_repository(".")) {
    append(check_objects(*repository, remote, options.jobs));
  } else {
    checks.push_back(failed("objects", ExitCode::kEnvironment, repository.error().message));
  }
  if (cluster) checks.push_back(check_cluster(options.cluster));
  return checks;
}

Result<ExitCode> run_doctor(const DoctorOptions& options) {
  const auto checks = all_checks(options);
  ExitCode worst = ExitCode::kDone;
  auto json = nlohmann::ordered_json::array();
  for (const Check& check : checks) {
    const bool ok = check.code == ExitCode::kDone;
    worst = std::max(worst, check.code);
    if (options.json) {
      json.push_back({{"check", check.name}, {"ok", ok}, {"detail", check.detail}});
    } else {
      print("{:<6}  {}: {}\n", ok ? "ok" : "failed", check.name, check.detail);
    }
  }
  if (options.json) {
    print_json({{"ok", worst == ExitCode::kDone}, {"checks", json}});
  }
  return worst;
}

}  // namespace

Command doctor_command() {
  return {"doctor", "Check tools, secrets, remote, bucket and cluster",
          "iris doctor                                    tools, and what DVC files name\n"
          "  iris doctor --bucket my-bucket --cluster       and a canary object, and the cluster\n"
          "  iris doctor --env GCP_SA_KEY --env BUCKET_NAME\n"
          "\n"
          "One line per check: ok, or failed and the fix. Secrets are never shown. Exit status: 1\n"
          "when an object is missing or broken, 3 when a tool, a secret, a right, the bucket or\n"
          "the cluster is not there.",
          [](CLI::App& app) -> Action {
            auto options = std::make_shared<DoctorOptions>();
            app.add_option("--bucket", options->bucket,
                           "Write, read and remove a canary object in this bucket (or URL)");
            options->cluster_flag =
                app.add_option("--cluster", options->cluster,
                               "Reach the cluster of kubectl's context, whose name holds this")
                    ->expected(0, 1);
            app.add_option("--env", options->variables, "A variable that must be set (repeatable)");
            app.add_option("-j,--jobs", options->jobs, "Objects at a time")
                ->check(CLI::Range(1, 128))
                ->capture_default_str();
            add_allowed_endpoints(app, options->token_hosts);
            app.add_flag("--json", options->json, "Print one JSON object instead of text");
            return [options](Context&) { return run_doctor(*options); };
          }};
}

}  // namespace iris::cli
