#include "scale/cluster/hpa_tick.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "scale/record_fields.hpp"

namespace iris::scale::cluster {
namespace {

constexpr double kTolerance = 0.1;  // the controller's default

struct Proposal {
  double ratio = 0;
  std::int32_t replicas = 0;
  bool tolerated = false;  // near enough to 1 for no change
};

std::optional<Proposal> proposal_of(const kube::HpaStatus& hpa,
                                    std::optional<std::int32_t> target_percent) {
  if (!hpa.cpu_utilization_percent || !target_percent) return std::nullopt;
  Proposal proposal;
  proposal.ratio = static_cast<double>(*hpa.cpu_utilization_percent) / *target_percent;
  const auto asked = static_cast<std::int32_t>(std::ceil(proposal.ratio * hpa.current));
  proposal.tolerated = std::abs(proposal.ratio - 1) <= kTolerance && asked != hpa.current;
  proposal.replicas = std::abs(proposal.ratio - 1) <= kTolerance ? hpa.current : asked;
  return proposal;
}

std::optional<std::string> limited_by(const kube::HpaStatus& hpa,
                                      const std::optional<Proposal>& proposal) {
  if (!proposal) return std::nullopt;
  if (proposal->tolerated) return "tolerance";
  if (proposal->replicas == hpa.desired) return std::nullopt;
  const auto* limited = kube::find_condition(hpa.conditions, "ScalingLimited");
  if (limited != nullptr && limited->status == "True") {
    if (limited->reason == "TooManyReplicas") return "maxReplicas";
    if (limited->reason == "TooFewReplicas") return "minReplicas";
    return "policy";  // ScaleUpLimit, ScaleDownLimit
  }
  const auto* able = kube::find_condition(hpa.conditions, "AbleToScale");
  if (able != nullptr && able->reason.ends_with("Stabilized")) return "stabilization";
  return std::nullopt;
}

Record pods_of(const Snapshot& snapshot) {
  Record pods = {{"ready", Record::array()},
                 {"unready", Record::array()},
                 {"missing", Record::array()},
                 {"ignored", Record::array()}};
  for (const auto& pod : snapshot.replicas) {
    const char* is = pod.deleting                             ? "ignored"
                     : !pod.ready                             ? "unready"
                     : snapshot.measured.count(pod.name) == 0 ? "missing"
                                                              : "ready";
    pods[is].push_back(pod.name);
  }
  return pods;
}

}  // namespace

Record hpa_tick(const Snapshot& snapshot, std::optional<std::int32_t> target_percent) {
  const auto& hpa = *snapshot.hpa;
  const auto proposal = proposal_of(hpa, target_percent);
  Record fields = {{"current", hpa.current}, {"desired", hpa.desired}};
  fields["utilization_percent"] = or_null(hpa.cpu_utilization_percent);
  fields["target_percent"] = or_null(target_percent);
  fields["ratio"] = proposal ? Record(rounded(proposal->ratio, 4)) : Record();
  fields["proposed"] = proposal ? Record(proposal->replicas) : Record();
  fields["stabilized"] = nullptr;
  fields["limited_by"] = or_null(limited_by(hpa, proposal));
  fields["pods"] = pods_of(snapshot);
  fields["conditions"] = Record::array();
  std::string because;
  for (const auto& condition : hpa.conditions) {
    fields["conditions"].push_back(
        {{"type", condition.type}, {"status", condition.status}, {"reason", condition.reason}});
    const bool tells = condition.type == "ScalingLimited" ? condition.status == "True"
                                                          : condition.status == "False";
    if (because.empty() || tells) because = condition.message;
  }
  fields["because"] = because;
  const auto* active = kube::find_condition(hpa.conditions, "ScalingActive");
  const bool failed = active != nullptr && active->status == "False";
  fields["error"] = failed ? Record(active->message) : Record();
  return fields;
}

bool same_status(const kube::HpaStatus& a, const kube::HpaStatus& b) {
  const auto same = [](const kube::StatusCondition& x, const kube::StatusCondition& y) {
    return x.type == y.type && x.status == y.status && x.reason == y.reason &&
           x.message == y.message;
  };
  return a.current == b.current && a.desired == b.desired &&
         a.cpu_utilization_percent == b.cpu_utilization_percent &&
         std::equal(a.conditions.begin(), a.conditions.end(), b.conditions.begin(),
                    b.conditions.end(), same);
}

}  // namespace iris::scale::cluster
