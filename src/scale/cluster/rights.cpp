#include "scale/cluster/rights.hpp"

namespace iris::scale::cluster {
namespace {

json review_of(const Right& right, const std::string& namespace_name) {
  json attributes = {{"verb", right.verb}, {"group", right.group}, {"resource", right.resource}};
  if (!right.subresource.empty()) attributes["subresource"] = right.subresource;
  if (!right.cluster_wide) attributes["namespace"] = namespace_name;
  return {{"apiVersion", "authorization.k8s.io/v1"},
          {"kind", "SelfSubjectAccessReview"},
          {"metadata", json::object()},
          {"spec", {{"resourceAttributes", attributes}}}};
}

bool allowed(const json& review) {
  const auto status = review.find("status");
  return status != review.end() && status->is_object() && status->value("allowed", false);
}

}  // namespace

std::string Right::text() const {
  std::string name = verb + " " + resource;
  if (!group.empty()) name += "." + group;
  if (!subresource.empty()) name += "/" + subresource;
  return name;
}

std::vector<Right> rights_needed(const ClusterPlan& plan, const PlanOptions& options) {
  std::vector<Right> rights;
  if (options.own_namespace) {
    for (const char* verb : {"create", "get", "delete"}) {
      rights.push_back({verb, "", "namespaces", "", true});
    }
  }
  for (const auto& resource : plan.resources) {
    for (const char* verb : {"get", "create", "patch", "delete"}) {
      rights.push_back({verb, resource.group, resource.plural});
    }
    // What stood there before is put back as it was.
    if (!options.own_namespace) rights.push_back({"update", resource.group, resource.plural});
  }
  for (const auto& [group, resource] :
       {std::pair{"apps", "deployments"}, std::pair{"autoscaling", "horizontalpodautoscalers"},
        std::pair{"batch", "jobs"}, std::pair{"", "pods"}, std::pair{"", "events"},
        std::pair{"metrics.k8s.io", "pods"}}) {
    rights.push_back({"list", group, resource});
  }
  rights.push_back({"get", "", "pods"});
  rights.push_back({"get", "", "pods", "log"});
  rights.push_back({"get", "", "pods", "proxy"});
  return rights;
}

Result<std::vector<Right>> missing_rights(const kube::Kubectl& kubectl,
                                          const std::vector<Right>& rights,
                                          const std::string& namespace_name) {
  json items = json::array();
  for (const auto& right : rights) items.push_back(review_of(right, namespace_name));
  const json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}};
  std::vector<json> reviews;
  // Not validated: the schema's download would be the largest part of it.
  const auto answer =
      kubectl.read({{"create", "--validate=false", "-o", "json", "-f", "-"}, list.dump()}, reviews);
  if (!answer.ok()) return answer.error("cannot ask the cluster for the user's rights");
  // One review alone, or all of them as one List, depending on kubectl's version.
  if (reviews.size() == 1 && reviews.front().value("kind", "") == "List") {
    reviews = reviews.front().value("items", std::vector<json>{});
  }
  if (reviews.size() != rights.size()) {
    return environment_error("asked the cluster for {} rights, got {} answers", rights.size(),
                             reviews.size());
  }
  std::vector<Right> missing;
  for (std::size_t i = 0; i < rights.size(); ++i) {
    if (!allowed(reviews[i])) missing.push_back(rights[i]);
  }
  return missing;
}

}  // namespace iris::scale::cluster
