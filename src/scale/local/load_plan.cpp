#include "scale/local/load_plan.hpp"

#include <algorithm>
#include <string_view>

#include "scale/load_command.hpp"

namespace iris::scale::local {
namespace {

constexpr std::size_t kShownBytes = 300;  // of an answer

// "http://service/predict" → "/predict"
std::string target_of(const std::string& url) {
  const auto slash = url.find('/', std::string_view("http://").size());
  return slash == std::string::npos ? "/" : url.substr(slash);
}

// The script and what lies beside it, from the ConfigMap that is mounted where it stands.
Result<void> take_files(LoadPlan& plan, const Experiment& experiment, const Scenario& scenario,
                        const LoadCommand& command) {
  const auto& pod = scenario.load.pod;
  const auto files = mounted_files(pod, pod.containers[command.container], experiment.scripts);
  const auto script = files.find(plan.wrk.script);
  if (script == files.end()) {
    std::string found;
    for (const auto& [path, text] : files) found += (found.empty() ? "" : ", ") + path;
    return input_error(
        "{}: wrk's script '{}': expected it in a mount of the ConfigMap '{}' of {}; {}",
        scenario.load_path, plan.wrk.script, experiment.scripts.metadata.name,
        experiment.scripts_path, found.empty() ? "found no mount of it" : "found " + found);
  }
  if (!command.elsewhere.empty()) {
    const auto reads = std::find_if(files.begin(), files.end(), [](const auto& file) {
      return file.second.find("getenv") != std::string::npos;
    });
    if (reads != files.end()) {
      return input_error(
          "{}: {} reads the environment, and envFrom has values of the {}, which only a cluster "
          "has; "
          "give them under env",
          scenario.load_path, reads->first, command.elsewhere);
    }
  }
  auto made = LoadFiles::make(files, plan.wrk.script);
  if (!made) return tl::unexpected(made.error());
  plan.script_source = fmt::format("{}: {}", experiment.scripts_path, plan.wrk.script);
  plan.files.emplace(std::move(*made));
  plan.wrk.script = plan.files->script();
  return {};
}

std::string one_line(std::string text) {
  const bool cut = text.size() > kShownBytes;
  text.resize(std::min(text.size(), kShownBytes));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return cut ? text + "…" : text;
}

}  // namespace

Result<LoadPlan> plan_load(const Experiment& experiment, const Scenario& scenario,
                           std::uint16_t port) {
  const auto command = read_load_command(scenario.load.pod, experiment.scripts, scenario.load_path);
  if (command.unreadable) return tl::unexpected(*command.unreadable);
  if (!command.only_on_cluster.empty()) return input_error("{}", command.only_on_cluster);
  LoadPlan plan;
  plan.job_argv = command.job_argv;
  plan.wrk = command.wrk;
  if (experiment.duration) plan.wrk.duration = *experiment.duration;
  const auto target = target_of(plan.wrk.url);
  plan.wrk.url = fmt::format("http://127.0.0.1:{}{}", port, target);
  if (!plan.wrk.script.empty()) {
    if (auto taken = take_files(plan, experiment, scenario, command); !taken) {
      return tl::unexpected(taken.error());
    }
  }
  plan.probe.peer = {boost::asio::ip::address_v4::loopback(), port};
  plan.probe.request = {
      "POST", target, {{"Content-Type", "application/json"}}, experiment.probe.body};
  plan.probe.rate_per_s = experiment.probe.rate_per_s;
  plan.probe.timeout = experiment.probe.timeout;
  return plan;
}

Result<load::SentRequest> sent_request(const LoadPlan& plan) {
  auto sent = load::find_sent_request(plan.wrk);
  if (sent && !sent->lua_error.empty()) {
    return input_error("{}: wrk cannot run the script, and would go on with GET: {}",
                       plan.script_source, sent->lua_error);
  }
  return sent;
}

Result<std::string> judge_answer(const LoadPlan& plan, const load::SentRequest& sent,
                                 const http::Answer& answer) {
  const auto what =
      fmt::format("{} {} with {} bytes of body{}", sent.method(), sent.target(), sent.body_bytes(),
                  plan.script_source.empty() ? "" : " (" + plan.script_source + ")");
  const auto got = fmt::format("{}: {}", answer.status, one_line(answer.body));
  if (answer.status / 100 == 2) return fmt::format("wrk sends {}; the answer is {}", what, got);
  return input_error(
      "the request that wrk would send again and again, {}, is answered with {}; "
      "expected a status of 2xx",
      what, got);
}

}  // namespace iris::scale::local
