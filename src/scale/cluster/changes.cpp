#include "scale/cluster/changes.hpp"

#include <poll.h>

#include <algorithm>

namespace iris::scale::cluster {
namespace {

using Kind = kube::KubectlAnswer::Kind;
using std::chrono::milliseconds;

json list_of(const std::vector<json>& objects) {
  return {{"apiVersion", "v1"}, {"kind", "List"}, {"items", objects}};
}

// Only what names it.
json stub_of(const json& object) {
  return {{"apiVersion", object["apiVersion"]},
          {"kind", object["kind"]},
          {"metadata",
           {{"name", object["metadata"]["name"]}, {"namespace", object["metadata"]["namespace"]}}}};
}

// As it was, without what the server keeps itself.
json restorable(json object) {
  object.erase("status");
  for (const char* field :
       {"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink"}) {
    object["metadata"].erase(field);
  }
  return object;
}

Result<void> done_or(const kube::KubectlAnswer& answer, const std::string& what) {
  if (answer.ok()) return {};
  if (answer.kind == Kind::kInterrupted) {
    return interrupted_error();
  }
  return answer.error(what);
}

}  // namespace

kube::KubectlCall Changes::call(std::vector<std::string> arguments, const json* input) const {
  return {std::move(arguments), input == nullptr ? "" : input->dump(), session_.call_timeout()};
}

Result<void> Changes::begin(const json& namespace_object) {
  if (!options_.own_namespace) return {};
  namespace_made_ = true;
  return done_or(session_.kubectl.run(call({"create", "-f", "-"}, &namespace_object)),
                 "cannot make the namespace " + options_.namespace_name);
}

Result<void> Changes::apply(const std::vector<json>& objects) {
  if (auto remembered = remember(objects); !remembered) return remembered;
  const auto list = list_of(objects);
  return done_or(session_.kubectl.run(call({"apply", "-f", "-"}, &list)),
                 "cannot apply the manifests");
}

Result<void> Changes::remember(const std::vector<json>& objects) {
  if (options_.own_namespace) return {};
  std::vector<json> stubs;
  for (const auto& object : objects) {
    if (touched_.count(name_of(object)) == 0) stubs.push_back(stub_of(object));
  }
  if (stubs.empty()) return {};
  const auto list = list_of(stubs);
  const auto answer =
      session_.kubectl.run(call({"get", "--ignore-not-found", "-o", "json", "-f", "-"}, &list));
  if (!answer.ok()) return done_or(answer, "cannot read what the namespace holds");
  std::vector<json> found;
  if (answer.output.find_first_not_of(" \n") != std::string::npos) {
    auto values = kube::parse_values(answer.output);
    if (!values) return tl::unexpected(values.error());
    found = std::move(*values);
    if (found.front().value("kind", "") == "List") found = found.front()["items"];
  }
  for (const auto& stub : stubs) {
    const auto name = name_of(stub);
    const auto same = std::find_if(found.begin(), found.end(),
                                   [&](const json& object) { return name_of(object) == name; });
    before_[name] = same == found.end() ? json() : restorable(*same);
    touched_[name] = stub;
  }
  return {};
}

Result<void> Changes::remove(const json& object) {
  const auto stub = stub_of(object);
  return done_or(session_.kubectl.run(
                     call({"delete", "--ignore-not-found", "--wait=false", "-f", "-"}, &stub)),
                 "cannot delete " + name_of(object));
}

Result<void> Changes::set_replicas(const json& deployment, std::int32_t replicas) {
  const json patch = {{"spec", {{"replicas", replicas}}}};
  return done_or(session_.kubectl.run(
                     call({"patch", "deployment", deployment["metadata"]["name"].get<std::string>(),
                           "-n", options_.namespace_name, "--type=merge", "-p", patch.dump()})),
                 "cannot set the replicas");
}

kube::KubectlAnswer Changes::insist(const kube::KubectlCall& call, SteadyTime deadline) const {
  const auto kubectl = session_.kubectl.uninterrupted();
  while (true) {
    auto answer = kubectl.run(call);
    if (answer.kind != Kind::kUnreachable || session_.clock.steady() >= deadline) return answer;
    // Not to be interrupted, so this is no wait for a signal.
    ::poll(nullptr, 0, 500);
  }
}

Result<std::string> Changes::undo(Nanoseconds patience) {
  const auto deadline = session_.clock.steady() + patience;
  return options_.own_namespace ? delete_namespace(deadline) : restore(deadline);
}

Result<std::string> Changes::delete_namespace(SteadyTime deadline) {
  const auto& name = options_.namespace_name;
  const auto deleted =
      insist(call({"delete", "namespace", name, "--ignore-not-found", "--wait=false"}), deadline);
  if (!deleted.ok()) {
    return environment_error("cannot delete the namespace {}: {}; {}", name, deleted.message,
                             by_hand());
  }
  while (session_.clock.steady() < deadline) {
    const auto left =
        insist(call({"get", "namespace", name, "--ignore-not-found", "-o", "name"}), deadline);
    if (left.ok() && left.output.empty()) {
      return fmt::format("deleted the namespace {} and all that was in it", name);
    }
    ::poll(nullptr, 0, 200);
  }
  return fmt::format("the cluster is deleting the namespace {}; see: kubectl get namespace {}",
                     name, name);
}

Result<std::string> Changes::restore(SteadyTime deadline) {
  std::vector<json> made;
  std::vector<json> changed;
  for (const auto& [name, stub] : touched_) {
    const auto& before = before_[name];
    (before.is_null() ? made : changed).push_back(before.is_null() ? stub : before);
  }
  const auto list = list_of(made);
  if (!made.empty()) {
    const auto deleted =
        insist(call({"delete", "--ignore-not-found", "--wait=false", "-f", "-"}, &list), deadline);
    if (!deleted.ok()) {
      return environment_error("cannot delete what the run made: {}; {}", deleted.message,
                               by_hand());
    }
  }
  for (const auto& object : changed) {
    auto put = insist(call({"replace", "-f", "-"}, &object), deadline);
    if (put.kind == Kind::kNotFound) put = insist(call({"create", "-f", "-"}, &object), deadline);
    if (!put.ok()) {
      return environment_error("cannot put {} back as it was: {}", name_of(object), put.message);
    }
  }
  while (!made.empty() && session_.clock.steady() < deadline) {
    const auto left =
        insist(call({"get", "--ignore-not-found", "-o", "name", "-f", "-"}, &list), deadline);
    if (left.ok() && left.output.empty()) break;
    ::poll(nullptr, 0, 200);
  }
  return fmt::format(
      "deleted what the run made ({}) and put back what it changed ({}) in the "
      "namespace {}",
      made.size(), changed.size(), options_.namespace_name);
}

std::string Changes::by_hand() const {
  if (options_.own_namespace) {
    return fmt::format("do it by hand: kubectl delete namespace {}", options_.namespace_name);
  }
  return fmt::format(
      "do it by hand: kubectl delete deployments,services,configmaps,jobs,hpa "
      "-n {} -l {}={}",
      options_.namespace_name, kRunLabel, options_.run_id);
}

}  // namespace iris::scale::cluster
