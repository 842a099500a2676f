// Files that are not ONNX, told by their first bytes, and how to make ONNX of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace iris::format {

// What the bytes seem to be and how to convert that, as the end of a sentence that begins
// "model.pkl: is …"; nothing when they may be ONNX.
std::optional<std::string> recognise_foreign(std::string_view bytes);

// The same for text, which has no first bytes of its own: for what ONNX's parser has refused.
std::optional<std::string> recognise_text(std::string_view bytes);

}  // namespace iris::format
