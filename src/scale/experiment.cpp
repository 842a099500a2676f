#include "scale/experiment.hpp"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.hpp"
#include "kube/document.hpp"
#include "kube/read.hpp"

namespace iris::scale {
namespace {

using nlohmann::json;

constexpr std::size_t kScenarios = 100;
constexpr std::size_t kManifests = 100;
constexpr const char* kRequestKey = "request.json";

// The fields of one mapping. The first thing that is wrong is kept, and reading goes on, so that
// the caller asks once at the end.
class Fields {
 public:
  Fields(const json& object, std::string place, std::optional<Error>& error)
      : object_(object), place_(std::move(place)), error_(error) {
    if (!object.is_object()) fail("expected a mapping, found {}", object.dump().substr(0, 60));
  }

  void only(std::initializer_list<const char*> known) {
    if (!object_.is_object()) return;
    for (const auto& [key, value] : object_.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      fail("unknown key '{}'; the keys are {}", key, fmt::join(known, ", "));
    }
  }

  const json* find(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto at = object_.find(key);
    return at == object_.end() || at->is_null() ? nullptr : &*at;
  }
  std::string at(const char* key) const {
    return place_ + (place_.ends_with(": ") ? "" : ".") + key;
  }

  void text(const char* key, std::string& into, bool required) {
    const json* value = find(key);
    if (value == nullptr) {
      if (required) fail("expected the key '{}'", key);
    } else if (!value->is_string() || value->get_ref<const std::string&>().empty()) {
      fail_at(key, "expected text, found {}", value->dump());
    } else {
      into = value->get<std::string>();
    }
  }

  void texts(const char* key, std::vector<std::string>& into) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_array() || value->size() > kManifests) {
      return fail_at(key, "expected a list of at most {} paths, found {}", kManifests,
                     value->dump().substr(0, 60));
    }
    for (const auto& item : *value) {
      if (!item.is_string()) return fail_at(key, "expected paths, found {}", item.dump());
      into.push_back(item.get<std::string>());
    }
  }

  void flag(const char* key, bool& into) {
    const json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean())
      return fail_at(key, "expected true or false, found {}", value->dump());
    into = value->get<bool>();
  }

  template <class T>
  void number(const char* key, T& into, double least, double most) {
    const json* value = find(key);
    if (value == nullptr) return;
    const bool fits = std::is_integral_v<T> ? value->is_number_integer() : value->is_number();
    if (!fits || value->get<double>() < least || value->get<double>() > most) {
      return fail_at(key, "expected a {} from {} to {}, found {}",
                     std::is_integral_v<T> ? "whole number" : "number", least, most, value->dump());
    }
    into = value->get<T>();
  }

  void duration(const char* key, std::optional<Nanoseconds>& into, Nanoseconds least,
                Nanoseconds most) {
    std::string written;
    text(key, written, false);
    if (written.empty()) return;
    const auto read = parse_duration(written);
    if (!read) return fail_at(key, "{}", read.error().message);
    if (*read < least || *read > most) {
      return fail_at(key, "expected {} s to {} s, found '{}'", to_seconds(least), to_seconds(most),
                     written);
    }
    into = *read;
  }

  template <class... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (error_) return;
    auto place = place_.ends_with(": ") ? place_ : place_ + ": ";
    error_ = Error{ExitCode::kInput, place + fmt::format(format, std::forward<Args>(args)...)};
  }

 private:
  template <class... Args>
  void fail_at(const char* key, fmt::format_string<Args...> format, Args&&... args) {
    if (error_) return;
    error_ =
        Error{ExitCode::kInput, at(key) + ": " + fmt::format(format, std::forward<Args>(args)...)};
  }

  const json& object_;
  std::string place_;
  std::optional<Error>& error_;
};

constexpr Nanoseconds kMostDuration = std::chrono::hours(24);

void read_objective(const json& value, const std::string& place, Scenario& scenario,
                    std::optional<Error>& error) {
  Fields fields(value, place, error);
  fields.only({"p99"});
  std::optional<Nanoseconds> p99;
  fields.duration("p99", p99, std::chrono::microseconds(1), std::chrono::minutes(1));
  if (!p99) return fields.fail("expected the key 'p99'");
  scenario.objective = Objective{*p99};
}

Scenario read_scenario(const json& value, const std::string& place, std::optional<Error>& error) {
  Scenario scenario;
  Fields fields(value, place, error);
  fields.only({"name", "title", "reference", "hpa", "load", "slo"});
  fields.text("name", scenario.name, true);
  fields.text("title", scenario.title, false);
  fields.text("hpa", scenario.hpa_path, true);
  fields.text("load", scenario.load_path, true);
  fields.flag("reference", scenario.reference);
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  };
  if (!std::all_of(scenario.name.begin(), scenario.name.end(), plain)) {
    fields.fail("name: expected letters, digits, '-', '_' and '.', found '{}'", scenario.name);
  }
  if (scenario.title.empty()) scenario.title = scenario.name;
  if (const json* slo = fields.find("slo")) read_objective(*slo, fields.at("slo"), scenario, error);
  return scenario;
}

void read_scenarios(const json& root, const std::string& path, Experiment& experiment,
                    std::optional<Error>& error) {
  const auto at = root.find("scenarios");
  if (at == root.end() || !at->is_array() || at->empty() || at->size() > kScenarios) {
    if (!error) {
      error = Error{ExitCode::kInput,
                    fmt::format("{}: scenarios: expected a list of 1 to {}", path, kScenarios)};
    }
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < at->size(); ++i) {
    const auto place = fmt::format("{}: scenarios[{}]", path, i);
    auto scenario = read_scenario((*at)[i], place, error);
    if (!names.insert(scenario.name).second && !error) {
      error =
          Error{ExitCode::kInput, fmt::format("{}: name: '{}' stands twice", place, scenario.name)};
    }
    experiment.scenarios.push_back(std::move(scenario));
  }
}

template <class T>
Result<void> load_into(const std::string& path, T& into) {
  auto loaded = kube::load<T>(path);
  if (!loaded) return tl::unexpected(loaded.error());
  into = std::move(*loaded);
  return {};
}

// The Service among what a cluster gets; none when there is none, or it cannot be read, which only
// a cluster needs to mind.
std::optional<kube::Service> find_service(const Experiment& experiment) {
  for (const auto& path : experiment.cluster_paths) {
    auto service = kube::load<kube::Service>(path);
    if (service) return std::move(*service);
  }
  return std::nullopt;
}

// Left out, it is what the wrk script that ships takes from the same ConfigMap.
Result<std::string> probe_body(const Experiment& experiment, const std::string& path) {
  if (!experiment.probe.body.empty()) return experiment.probe.body;
  const auto found = experiment.scripts.data.find(kRequestKey);
  if (found == experiment.scripts.data.end()) {
    return input_error("{}: probe.body: expected text, or the key '{}' in the ConfigMap of {}",
                       path, kRequestKey, experiment.scripts_path);
  }
  return found->second.substr(0, found->second.find('\n'));
}

}  // namespace

std::vector<std::string> Experiment::manifest_paths() const {
  std::vector<std::string> paths = {deployment_path, scripts_path};
  for (const auto& scenario : scenarios) {
    for (const auto& path : {scenario.hpa_path, scenario.load_path}) {
      if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
    }
  }
  return paths;
}

Result<Experiment> parse_experiment(const std::string& text, const std::string& path) {
  const auto documents = kube::parse_documents(text, path);
  if (!documents) return tl::unexpected(documents.error());
  if (documents->size() != 1 || !documents->front().body.is_object()) {
    return input_error("{}: expected one YAML mapping", path);
  }
  const json& root = documents->front().body;
  Experiment experiment;
  experiment.name = std::filesystem::path(path).stem().string();
  experiment.title = experiment.name;
  std::optional<Error> error;
  Fields fields(root, path + ": ", error);
  fields.only(
      {"title", "model", "manifests", "time_scale", "duration", "port", "probe", "scenarios"});
  fields.text("title", experiment.title, false);
  fields.text("model", experiment.model_path, true);
  fields.number("time_scale", experiment.time_scale, 1, 1000);
  fields.number("port", experiment.port, 0, 65'535);
  fields.duration("duration", experiment.duration, std::chrono::seconds(1), kMostDuration);
  if (const json* manifests = fields.find("manifests")) {
    Fields paths(*manifests, fields.at("manifests"), error);
    paths.only({"deployment", "scripts", "cluster"});
    paths.text("deployment", experiment.deployment_path, true);
    paths.text("scripts", experiment.scripts_path, true);
    paths.texts("cluster", experiment.cluster_paths);
  } else {
    fields.fail("expected the key 'manifests'");
  }
  if (const json* value = fields.find("probe")) {
    Fields probe(*value, fields.at("probe"), error);
    probe.only({"requests_per_s", "timeout", "body"});
    probe.number("requests_per_s", experiment.probe.rate_per_s, 1, 10'000);
    std::optional<Nanoseconds> timeout;
    probe.duration("timeout", timeout, std::chrono::milliseconds(1), std::chrono::minutes(1));
    if (timeout) experiment.probe.timeout = *timeout;
    probe.text("body", experiment.probe.body, false);
  } else {
    fields.fail("expected the key 'probe'");
  }
  read_scenarios(root, path, experiment, error);
  if (error) return tl::unexpected(*error);
  return experiment;
}

Result<Experiment> load_experiment(const std::string& path) {
  const auto text = read_file(path, limits::kConfigBytes);
  if (!text) return tl::unexpected(text.error());
  auto experiment = parse_experiment(*text, path);
  if (!experiment) return experiment;
  if (auto done = load_into(experiment->deployment_path, experiment->deployment); !done) {
    return tl::unexpected(done.error());
  }
  experiment->service = find_service_container(experiment->deployment, find_service(*experiment));
  if (auto done = load_into(experiment->scripts_path, experiment->scripts); !done) {
    return tl::unexpected(done.error());
  }
  auto body = probe_body(*experiment, path);
  if (!body) return tl::unexpected(body.error());
  experiment->probe.body = std::move(*body);
  for (auto& scenario : experiment->scenarios) {
    if (auto done = load_into(scenario.hpa_path, scenario.hpa); !done) {
      return tl::unexpected(done.error());
    }
    if (auto done = load_into(scenario.load_path, scenario.load); !done) {
      return tl::unexpected(done.error());
    }
    const auto& target = scenario.hpa.scale_target.name;
    if (target != experiment->deployment.metadata.name) {
      return input_error(
          "{}: spec.scaleTargetRef.name: expected '{}', the Deployment of {}; found '{}'",
          scenario.hpa_path, experiment->deployment.metadata.name, experiment->deployment_path,
          target);
    }
  }
  return experiment;
}

}  // namespace iris::scale
