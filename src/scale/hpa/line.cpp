#include "scale/hpa/line.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/visible.hpp"
#include "kube/node.hpp"
#include "kube/read.hpp"
#include "scale/hpa/hpa.hpp"

namespace iris::scale::hpa {
namespace {

using kube::Node;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();

// The escapes for a terminal's sake are JSON's own.
std::string to_line(const ordered_json& value) {
  return visible(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string error_line(std::string_view message) {
  return to_line(ordered_json{{"error", message}});
}

Nanoseconds seconds_or(const Node& node, Nanoseconds otherwise) {
  constexpr double kYear = 31'536'000;
  const double value_s = node.number_or(to_seconds(otherwise), 0, kYear);
  return Nanoseconds(std::llround(value_s * 1e9));
}

ControllerConfig read_controller(const Node& node) {
  ControllerConfig config;
  config.tolerance = node["tolerance"].number_or(config.tolerance, 0, 1e9);
  config.cpu_initialization_period =
      seconds_or(node["cpuInitializationPeriodSeconds"], config.cpu_initialization_period);
  config.initial_readiness_delay =
      seconds_or(node["initialReadinessDelaySeconds"], config.initial_readiness_delay);
  config.downscale_stabilization =
      seconds_or(node["downscaleStabilizationSeconds"], config.downscale_stabilization);
  config.scale_up_limit_factor =
      node["scaleUpLimitFactor"].number_or(config.scale_up_limit_factor, 0, 1e9);
  config.scale_up_limit_minimum =
      node["scaleUpLimitMinimum"].number_or(config.scale_up_limit_minimum, 0, 1e9);
  return config;
}

std::int32_t read_count(const Node& node) {
  return static_cast<std::int32_t>(node.integer(0, kMost));
}

History read_history(const Node& node) {
  History history;
  for (const auto& item : node["recommendations"].items()) {
    history.recommendations.push_back({item["at"].time(), read_count(item["replicas"])});
  }
  const auto read_events = [](const Node& list, std::vector<ScaleEvent>& events) {
    for (const auto& item : list.items()) {
      events.push_back({item["at"].time(), read_count(item["change"])});
    }
  };
  read_events(node["scaleUpEvents"], history.scale_up_events);
  read_events(node["scaleDownEvents"], history.scale_down_events);
  return history;
}

// A bare list, or the `items` of the List object that kubectl prints.
template <class T>
Result<std::vector<T>> read_list(const json& question, const std::string& key) {
  const auto member = question.find(key);
  const json* list = member == question.end() ? nullptr : &*member;
  std::string place = key;
  if (list != nullptr && list->is_object() && list->contains("items")) {
    list = &(*list)["items"];
    place += ".items";
  }
  if (list == nullptr || !list->is_array()) return input_error("{}: expected a list", place);
  std::vector<T> objects;
  objects.reserve(list->size());
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto object = kube::read<T>((*list)[i], fmt::format("{}[{}]", place, i));
    if (!object) return tl::unexpected(object.error());
    objects.push_back(std::move(*object));
  }
  return objects;
}

ordered_json to_json(const MetricReading& metric) {
  ordered_json value;
  value["name"] = metric.name;
  if (!metric.container.empty()) value["container"] = metric.container;
  value["utilizationPercent"] = nullptr;
  if (metric.utilization_percent) value["utilizationPercent"] = *metric.utilization_percent;
  value["averageMilli"] = metric.average_milli;
  value["ratio"] = metric.ratio;
  value["proposedReplicas"] = metric.proposed_replicas;
  return value;
}

ordered_json to_json(const History& history) {
  const auto events = [](const std::vector<ScaleEvent>& list) {
    ordered_json items = ordered_json::array();
    for (const auto& event : list) {
      items.push_back({{"at", to_rfc3339(event.at)}, {"change", event.change}});
    }
    return items;
  };
  ordered_json recommendations = ordered_json::array();
  for (const auto& one : history.recommendations) {
    recommendations.push_back({{"at", to_rfc3339(one.at)}, {"replicas", one.replicas}});
  }
  return {{"recommendations", std::move(recommendations)},
          {"scaleUpEvents", events(history.scale_up_events)},
          {"scaleDownEvents", events(history.scale_down_events)}};
}

ordered_json to_json(const Decision& decision) {
  ordered_json value;
  value["desiredReplicas"] = decision.desired_replicas;
  value["metric"] = decision.metric ? to_json(*decision.metric) : ordered_json();
  value["pods"] = {{"ready", decision.pods.ready},
                   {"unready", decision.pods.unready},
                   {"missing", decision.pods.missing},
                   {"ignored", decision.pods.ignored}};
  value["conditions"] = ordered_json::array();
  for (const auto& condition : decision.conditions) {
    value["conditions"].push_back({{"type", condition.type},
                                   {"status", condition.status ? "True" : "False"},
                                   {"reason", condition.reason}});
  }
  value["because"] = decision.because;
  value["error"] = decision.error ? ordered_json(*decision.error) : ordered_json();
  return value;
}

Result<std::string> answer(const json& question, const AnswerOptions& options) {
  if (!question.is_object()) return input_error("expected a JSON object");
  const auto hpa_value = question.find("hpa");
  if (hpa_value == question.end()) return input_error("hpa: expected a HorizontalPodAutoscaler");
  const auto hpa = kube::read<kube::HorizontalPodAutoscaler>(*hpa_value, "hpa");
  if (!hpa) return tl::unexpected(hpa.error());
  const auto pods = read_list<kube::Pod>(question, "pods");
  if (!pods) return tl::unexpected(pods.error());
  const auto metrics = read_list<kube::PodMetrics>(question, "metrics");
  if (!metrics) return tl::unexpected(metrics.error());
  kube::Problem problem("");
  const Node root(question, problem);
  const std::int32_t current = read_count(root["currentReplicas"]);
  const WallTime now = root["now"].time();
  const ControllerConfig config = read_controller(root["controller"]);
  History history = read_history(root["history"]);
  if (problem.found()) return problem.error();

  const Outcome outcome = decide({*hpa, *pods, *metrics, current, now}, config, std::move(history));
  ordered_json value = to_json(outcome.decision);
  if (options.history) value["history"] = to_json(outcome.history);
  return to_line(value);
}

}  // namespace

std::string answer_line(std::string_view question, const AnswerOptions& options) {
  try {
    const auto line = answer(json::parse(question), options);
    return line ? *line : error_line(line.error().message);
  } catch (const json::parse_error& error) {
    return error_line(fmt::format("not JSON at byte {}", error.byte));
  } catch (const json::exception& error) {
    // Numbers beyond a double are the parser's own error (out_of_range).
    return error_line(fmt::format("not JSON that can be read: {}", error.what()));
  }
}

}  // namespace iris::scale::hpa
