#include "kube/read.hpp"

#include <optional>

#include "kube/document.hpp"
#include "kube/readers.hpp"

namespace iris::kube {
namespace {

struct TypeMeta {
  std::string_view kind;
  std::string_view api_version;
  std::string_view older_version = {};  // one that is read as well
};

template <class T>
constexpr TypeMeta kKind{};
template <>
constexpr TypeMeta kKind<Deployment>{"Deployment", "apps/v1"};
template <>
constexpr TypeMeta kKind<Service>{"Service", "v1"};
template <>
constexpr TypeMeta kKind<ConfigMap>{"ConfigMap", "v1"};
template <>
constexpr TypeMeta kKind<Job>{"Job", "batch/v1"};
template <>
constexpr TypeMeta kKind<Pod>{"Pod", "v1"};
template <>
constexpr TypeMeta kKind<PodMetrics>{"PodMetrics", "metrics.k8s.io/v1beta1"};
template <>
constexpr TypeMeta kKind<HorizontalPodAutoscaler>{"HorizontalPodAutoscaler", "autoscaling/v2",
                                                  "autoscaling/v1"};

// Both or neither: an item need not repeat what its list says. What is missing is said as kubectl
// says it.
void check_type(const Node& root, const TypeMeta& type) {
  const Node kind = root["kind"];
  const Node version = root["apiVersion"];
  if (!kind.present() && !version.present()) return;
  if (!version.present()) return root.fail("apiVersion not set");
  if (!kind.present()) return root.fail("kind not set");
  if (kind.string() != type.kind) kind.expected(type.kind);
  const std::string found = version.string();
  if (found == type.api_version || (found == type.older_version && !found.empty())) return;
  version.expected(type.older_version.empty()
                       ? std::string(type.api_version)
                       : fmt::format("{} or {}", type.api_version, type.older_version));
}

}  // namespace

template <class T>
Result<T> read(const nlohmann::json& value, std::string_view place) {
  Problem problem(place);
  const Node root(value, problem);
  if (!value.is_object()) {
    root.expected(fmt::format("a {}", kKind<T>.kind));
    return problem.error();
  }
  check_type(root, kKind<T>);
  T object;
  read_into(root, object);
  if (problem.found()) return problem.error();
  return object;
}

template <class T>
Result<T> load(const std::string& path) {
  const auto documents = read_documents(path);
  if (!documents) return tl::unexpected(documents.error());
  const Document* found = nullptr;
  for (const auto& document : *documents) {
    if (!document.body.is_object()) {
      return input_error("{}: expected a Kubernetes object", document.place);
    }
    const auto kind = document.body.find("kind");
    if (kind == document.body.end()) return input_error("{}: expected a kind", document.place);
    if (*kind != kKind<T>.kind) continue;
    if (found != nullptr) {
      return input_error("{}: found more than one {}, expected one", path, kKind<T>.kind);
    }
    found = &document;
  }
  if (found == nullptr) return input_error("{}: found no {}", path, kKind<T>.kind);
  return read<T>(found->body, found->place);
}

#define IRIS_KUBE_KIND(T)                                           \
  template Result<T> read(const nlohmann::json&, std::string_view); \
  template Result<T> load(const std::string&);
IRIS_KUBE_KIND(Deployment)
IRIS_KUBE_KIND(Service)
IRIS_KUBE_KIND(ConfigMap)
IRIS_KUBE_KIND(Job)
IRIS_KUBE_KIND(Pod)
IRIS_KUBE_KIND(PodMetrics)
IRIS_KUBE_KIND(HorizontalPodAutoscaler)
#undef IRIS_KUBE_KIND

}  // namespace iris::kube
