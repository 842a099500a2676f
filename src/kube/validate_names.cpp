#include "kube/validate_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/visible.hpp"

namespace iris::kube {
namespace {

constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestSubdomain = 253;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_lower_alphanumeric(char c) {
  return is_alphanumeric(c) && !(c >= 'A' && c <= 'Z');
}

// [a-z0-9]([-a-z0-9]*[a-z0-9])?
bool is_label(std::string_view text) {
  return !text.empty() && is_lower_alphanumeric(text.front()) &&
         is_lower_alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return c == '-' || is_lower_alphanumeric(c);
         });
}

bool is_subdomain(std::string_view text) {
  for (;;) {
    const auto point = text.find('.');
    if (!is_label(text.substr(0, point))) return false;
    if (point == std::string_view::npos) return true;
    text.remove_prefix(point + 1);
  }
}

// ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]
bool is_qualified_part(std::string_view text) {
  return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '-' || c == '_' || c == '.' || is_alphanumeric(c); });
}

std::string too_long(std::size_t most) {
  return fmt::format("must be no more than {} characters", most);
}

constexpr const char* kNotALabel =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr const char* kNotASubdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr const char* kNotQualified =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

// "MyName" or "example.com/MyName".
Faults qualified_name_faults(std::string_view name) {
  Faults faults;
  const auto slash = name.find('/');
  if (slash != std::string_view::npos) {
    if (name.find('/', slash + 1) != std::string_view::npos) {
      return {
          fmt::format("a qualified name {} with an optional DNS subdomain prefix and '/' (e.g. "
                      "'example.com/MyName')",
                      kNotQualified)};
    }
    const std::string_view prefix = name.substr(0, slash);
    if (prefix.empty()) {
      faults.emplace_back("prefix part must be non-empty");
    } else {
      for (const auto& fault : dns_subdomain_faults(prefix)) {
        faults.push_back("prefix part " + fault);
      }
    }
    name.remove_prefix(slash + 1);
  }
  if (name.empty()) {
    faults.emplace_back("name part must be non-empty");
  } else if (name.size() > kLongestLabel) {
    faults.push_back("name part " + too_long(kLongestLabel));
  }
  if (!is_qualified_part(name)) faults.push_back(fmt::format("name part {}", kNotQualified));
  return faults;
}

// What quotas and containers can name without a domain before it.
bool is_standard_resource(std::string_view name) {
  static constexpr std::array<std::string_view, 20> kStandard = {"cpu",
                                                                 "memory",
                                                                 "ephemeral-storage",
                                                                 "requests.cpu",
                                                                 "requests.memory",
                                                                 "requests.ephemeral-storage",
                                                                 "limits.cpu",
                                                                 "limits.memory",
                                                                 "limits.ephemeral-storage",
                                                                 "pods",
                                                                 "resourcequotas",
                                                                 "services",
                                                                 "replicationcontrollers",
                                                                 "secrets",
                                                                 "configmaps",
                                                                 "persistentvolumeclaims",
                                                                 "storage",
                                                                 "requests.storage",
                                                                 "services.nodeports",
                                                                 "services.loadbalancers"};
  return std::find(kStandard.begin(), kStandard.end(), name) != kStandard.end() ||
         name.starts_with("hugepages-") || name.starts_with("requests.hugepages-");
}

}  // namespace

Faults dns_label_faults(std::string_view name) {
  Faults faults;
  if (name.size() > kLongestLabel) faults.push_back(too_long(kLongestLabel));
  if (!is_label(name)) {
    faults.emplace_back(is_subdomain(name) ? "must not contain dots" : kNotALabel);
  }
  return faults;
}

Faults dns_subdomain_faults(std::string_view name) {
  Faults faults;
  if (name.size() > kLongestSubdomain) faults.push_back(too_long(kLongestSubdomain));
  if (!is_subdomain(name)) faults.emplace_back(kNotASubdomain);
  return faults;
}

Faults path_segment_faults(std::string_view name) {
  if (name == "." || name == "..") return {fmt::format("may not be '{}'", name)};
  Faults faults;
  for (const char* part : {"/", "%"}) {
    if (name.find(part) != std::string_view::npos) {
      faults.push_back(fmt::format("may not contain '{}'", part));
    }
  }
  return faults;
}

Faults container_resource_faults(std::string_view name) {
  Faults faults = qualified_name_faults(name);
  const bool qualified = faults.empty();
  if (name.find('/') == std::string_view::npos) {
    if (qualified && !is_standard_resource(name)) {
      faults.emplace_back("must be a standard resource type or fully qualified");
    }
    if (name != "cpu" && name != "memory" && name != "ephemeral-storage" &&
        !name.starts_with("hugepages-")) {
      faults.emplace_back("must be a standard resource for containers");
    }
  } else if (name.find("kubernetes.io/") == std::string_view::npos &&
             (name.starts_with("requests.") ||
              !qualified_name_faults(fmt::format("requests.{}", name)).empty())) {
    faults.emplace_back("doesn't follow extended resource name standard");
  }
  return faults;
}

std::string go_quoted(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return fmt::format("\"{}\"", visible(escaped));
}

}  // namespace iris::kube
