// How large an ONNX file is where it matters, found by the tags of its fields before anything of it
// is kept: what the fields hold is skipped, so that of a large file little is read.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/file.hpp"
#include "base/result.hpp"

namespace iris::format {

struct OnnxSize {
  // Of the packed or unpacked `floats` of attributes: model.graph.node.attribute.floats.
  std::size_t weight_bytes = 0;
  std::size_t other_bytes = 0;
};

// Refuse what is no sequence of a model's fields, and more than limits::kConfigBytes beside the
// weights. Messages do not name the file. The descriptor must stand at the file's begin.
Result<OnnxSize> onnx_size(std::string_view bytes);
Result<OnnxSize> onnx_size(const InputFile& file);

// What reading a file of that size takes at its peak, with the file's own bytes: 5 times the
// weights (the file, protobuf's copy, the model's and the engine's in double precision), 64 times
// the rest (protobuf's messages and the JSON of the golden rows) and 1 MiB. parse_onnx() keeps
// protobuf's share of it, whatever the file holds.
std::size_t peak_memory_bytes(const OnnxSize& size);
std::size_t protobuf_memory_bytes(const OnnxSize& size);

}  // namespace iris::format
