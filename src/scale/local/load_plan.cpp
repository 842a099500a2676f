#include "scale/local/load_plan.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace iris::scale::local {
namespace {

// The text that the container would see at `path`: a key of the ConfigMap that is mounted there.
Result<std::string> mounted_text(const Experiment& experiment, const Scenario& scenario,
                                 const std::string& path) {
  const auto& pod = scenario.load.pod;
  for (const auto& mount : pod.containers.front().volume_mounts) {
    if (!path.starts_with(mount.mount_path + "/")) continue;
    const auto key = path.substr(mount.mount_path.size() + 1);
    const auto volume = std::find_if(pod.config_map_volumes.begin(), pod.config_map_volumes.end(),
                                     [&](const auto& entry) { return entry.name == mount.name; });
    const bool ours = volume != pod.config_map_volumes.end() &&
                      volume->config_map == experiment.scripts.metadata.name;
    if (!ours) break;
    const auto found = experiment.scripts.data.find(key);
    if (found != experiment.scripts.data.end()) return found->second;
    return input_error("{}: data: expected the key '{}', which {} mounts", experiment.scripts_path,
                       key, scenario.load_path);
  }
  return input_error("{}: wrk's script '{}': expected it in a mount of the ConfigMap '{}'",
                     scenario.load_path, path, experiment.scripts.metadata.name);
}

// A file without a name: nothing is left behind, however this program ends. wrk opens it by our
// /proc entry.
Result<Fd> write_script(const std::string& text) {
  Fd file(::memfd_create("iris-wrk-script", MFD_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return environment_error("cannot write wrk's script: {}", std::strerror(errno));
  }
  return file;
}

// "http://service/predict" → "/predict"
std::string target_of(const std::string& url) {
  const auto slash = url.find('/', std::string_view("http://").size());
  return slash == std::string::npos ? "/" : url.substr(slash);
}

}  // namespace

Result<LoadPlan> plan_load(const Experiment& experiment, const Scenario& scenario,
                           std::uint16_t port) {
  if (scenario.load.pod.containers.empty()) {
    return input_error("{}: spec.template.spec.containers: expected one, found none",
                       scenario.load_path);
  }
  LoadPlan plan;
  const auto& container = scenario.load.pod.containers.front();
  plan.job_argv = container.command;
  plan.job_argv.insert(plan.job_argv.end(), container.args.begin(), container.args.end());
  auto wrk = load::read_wrk_arguments(plan.job_argv);
  if (!wrk) {
    return input_error("{}: spec.template.spec.containers[0]: {}", scenario.load_path,
                       wrk.error().message);
  }
  plan.wrk = std::move(*wrk);
  if (experiment.duration) plan.wrk.duration = *experiment.duration;
  const auto target = target_of(plan.wrk.url);
  plan.wrk.url = fmt::format("http://127.0.0.1:{}{}", port, target);
  if (!plan.wrk.script.empty()) {
    const auto text = mounted_text(experiment, scenario, plan.wrk.script);
    if (!text) return tl::unexpected(text.error());
    auto script = write_script(*text);
    if (!script) return tl::unexpected(script.error());
    plan.wrk.script = fmt::format("/proc/{}/fd/{}", ::getpid(), script->get());
    plan.script = std::move(*script);
  }
  plan.probe.peer = {boost::asio::ip::address_v4::loopback(), port};
  plan.probe.request = {
      "POST", target, {{"Content-Type", "application/json"}}, experiment.probe.body};
  plan.probe.rate_per_s = experiment.probe.rate_per_s;
  plan.probe.timeout = experiment.probe.timeout;
  return plan;
}

}  // namespace iris::scale::local
