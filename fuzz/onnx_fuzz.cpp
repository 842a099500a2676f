// Any bytes: the reader refuses them or builds a model that holds and that writes and reads back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "format/onnx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto model = iris::format::read_onnx(bytes, "fuzz.onnx");
  if (!model) return 0;
  const auto written = iris::format::write_onnx(*model);
  if (!written) return 0;  // names that are not UTF-8
  const auto again = iris::format::read_onnx(*written, "again.onnx");
  if (!again || again->classifier.coefficients != model->classifier.coefficients) std::abort();
  return 0;
}
