// Any bytes as a manifest: documents or an error, and every reader takes whatever they hold.
#include <cstdint>
#include <string_view>

#include "kube/document.hpp"
#include "kube/read.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace kube = iris::kube;
  const auto documents =
      kube::parse_documents({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  if (!documents) return 0;
  for (const auto& [place, body] : *documents) {
    (void)kube::read<kube::Deployment>(body, place);
    (void)kube::read<kube::Service>(body, place);
    (void)kube::read<kube::ConfigMap>(body, place);
    (void)kube::read<kube::Job>(body, place);
    (void)kube::read<kube::Pod>(body, place);
    (void)kube::read<kube::PodMetrics>(body, place);
    (void)kube::read<kube::HorizontalPodAutoscaler>(body, place);
  }
  return 0;
}
