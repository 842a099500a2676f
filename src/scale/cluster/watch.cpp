#include "scale/cluster/watch.hpp"

#include <algorithm>

namespace iris::scale::cluster {
namespace {

using nlohmann::json;
using Kind = kube::KubectlAnswer::Kind;

// How long a cluster may be out of reach before the run gives up.
constexpr Nanoseconds kLostAfter = std::chrono::seconds(30);
constexpr const char* kKinds =
    "deployments.apps,horizontalpodautoscalers.v2.autoscaling,jobs.batch,pods,events";

std::string text_at(const json& object, const json::json_pointer& at) {
  if (!object.contains(at)) return "";
  const auto& value = object[at];
  return value.is_string() ? value.get<std::string>() : "";
}

bool matches(const json& pod, const kube::Labels& selector) {
  return std::all_of(selector.begin(), selector.end(), [&](const auto& entry) {
    return text_at(pod, "/metadata/labels"_json_pointer / entry.first) == entry.second;
  });
}

}  // namespace

std::int32_t Snapshot::ready_count() const {
  return static_cast<std::int32_t>(
      std::count_if(replicas.begin(), replicas.end(),
                    [](const auto& pod) { return pod.ready && !pod.deleting; }));
}

void Watch::follow(std::string hpa, std::string job) {
  hpa_ = std::move(hpa);
  job_ = std::move(job);
}

std::vector<kube::KubectlCall> Watch::calls() const {
  const auto& name = session_.namespace_name;
  const auto timeout = session_.call_timeout();
  std::vector<kube::KubectlCall> calls = {{{"get", kKinds, "-n", name, "-o", "json"}, "", timeout}};
  if (!measuring_) return calls;
  calls.push_back(
      {{"get", "--raw", fmt::format("/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods", name)},
       "",
       timeout});
  for (const auto& pod : scraped_) {
    calls.push_back({{"get", "--raw",
                      fmt::format("/api/v1/namespaces/{}/pods/{}:{}/proxy/metrics", name, pod,
                                  session_.admin_port)},
                     "",
                     timeout});
  }
  return calls;
}

Result<void> Watch::unreachable(const std::string& message) {
  const auto now = session_.clock.steady();
  if (!lost_since_) {
    lost_since_ = now;
    session_.log.warn("the cluster does not answer: {}", message);
  }
  if (now - *lost_since_ < std::min(kLostAfter, session_.step_timeout)) return {};
  return environment_error("{} for {:.0f} s: {}", kLost, to_seconds(now - *lost_since_), message);
}

Result<std::optional<Snapshot>> Watch::look() {
  Snapshot snapshot;
  snapshot.at = session_.clock.steady();
  const auto answers = session_.kubectl.run_all(calls());
  const auto& objects = answers.front();
  if (objects.kind == Kind::kInterrupted) return interrupted_error();
  if (objects.kind == Kind::kUnreachable) {
    if (auto lost = unreachable(objects.message); !lost) return tl::unexpected(lost.error());
    return std::nullopt;
  }
  if (!objects.ok()) return objects.error("cannot watch the run");
  lost_since_.reset();
  const auto list = kube::parse_values(objects.output);
  if (!list) return tl::unexpected(list.error());
  take_objects(list->front(), snapshot);

  if (answers.size() > 1 && answers[1].ok()) {
    const auto metrics = kube::parse_values(answers[1].output);
    if (metrics && metrics->front().contains("items")) {
      for (const auto& item : metrics->front()["items"]) {
        snapshot.measured.insert(text_at(item, "/metadata/name"_json_pointer));
      }
    }
  }
  for (std::size_t i = 2; i < answers.size(); ++i) {
    const auto& pod = scraped_[i - 2];
    const auto counts = answers[i].ok() ? read_counts(answers[i].output)
                                        : Result<ReplicaCounts>(answers[i].error(pod));
    if (counts) {
      snapshot.counts[pod] = *counts;
    } else {
      snapshot.unread = counts.error().message;
    }
  }
  scraped_.clear();
  for (const auto& pod : snapshot.replicas) {
    if (pod.ready || pod.deleting) scraped_.push_back(pod.name);
  }
  return snapshot;
}

void Watch::take_objects(const json& list, Snapshot& snapshot) {
  if (!list.contains("items")) return;
  for (const auto& item : list["items"]) {
    const auto kind = text_at(item, "/kind"_json_pointer);
    const auto name = text_at(item, "/metadata/name"_json_pointer);
    if (kind == "Deployment" && name == deployment_.metadata.name) {
      snapshot.deployment = kube::read_deployment_status(item);
    } else if (kind == "HorizontalPodAutoscaler" && name == hpa_) {
      snapshot.hpa = kube::read_hpa_status(item);
    } else if (kind == "Job" && name == job_) {
      snapshot.job = kube::read_job_status(item);
    } else if (kind == "Pod") {
      take_pod(item, snapshot);
    } else if (kind == "Event") {
      auto event = kube::read_event(item);
      // What happened before the first look is not the run's.
      const bool is_new = seen_events_.insert(event.id).second;
      if (is_new && looked_ && event.warning) snapshot.events.push_back(std::move(event));
    }
  }
  looked_ = true;
}

void Watch::take_pod(const json& pod, Snapshot& snapshot) const {
  auto detail = kube::read_pod_detail(pod);
  if (!job_.empty() && detail.owner == job_) {
    snapshot.load = std::move(detail);
  } else if (matches(pod, deployment_.selector)) {
    snapshot.replicas.push_back(std::move(detail));
  }
}

}  // namespace iris::scale::cluster
