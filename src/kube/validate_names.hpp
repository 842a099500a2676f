// What the API server says against names: apimachinery/pkg/util/validation and
// pkg/apis/core/v1/validation at 1.34. Each function returns its messages; none for a good name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace iris::kube {

using Faults = std::vector<std::string>;

// "a-b": at most 63 characters.
Faults dns_label_faults(std::string_view name);
// "a.b-c": labels with points between them, at most 253 characters.
Faults dns_subdomain_faults(std::string_view name);
// Something that can stand in a URL's path by itself.
Faults path_segment_faults(std::string_view name);
// A resource that a container can request: cpu, memory, hugepages-2Mi, example.com/gpu.
Faults container_resource_faults(std::string_view name);

// Go's %q, for the values that messages show.
std::string go_quoted(std::string_view text);

}  // namespace iris::kube
