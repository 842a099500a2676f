#include "format/onnx_size.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/limits.hpp"
#include "format/foreign.hpp"

namespace iris::format {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::size_t kHeadBytes = std::size_t{64} << 10;
constexpr std::size_t kBaseBytes = std::size_t{1} << 20;

// Field numbers in onnx.proto.
constexpr std::array kPathToFloats = {7, 1, 5, 7};
constexpr std::array kModelNumbers = {1, 5};  // ModelProto's fields that are numbers
constexpr std::array kModelTexts = {2, 3, 4, 6, 7, 8, 14, 20, 25, 26};  // and those with a length

class Walk {
 public:
  explicit Walk(CodedInputStream& in) : in_(in) {}

  // False when there is more beside the weights than there may be.
  bool run() { return walk(0); }
  std::size_t weight_bytes() const { return weight_bytes_; }
  std::size_t position() const { return static_cast<std::size_t>(in_.CurrentPosition()); }
  std::size_t other_bytes() const { return position() - std::min(position(), weight_bytes_); }

 private:
  // Everything of a linear model but its weights is small, and a hostile file can make a parser
  // allocate 300 bytes for each two bytes of it.
  bool walk(std::size_t depth) {
    while (const std::uint32_t tag = in_.ReadTag()) {
      const bool on_path = WireFormatLite::GetTagFieldNumber(tag) == kPathToFloats[depth];
      const auto type = WireFormatLite::GetTagWireType(tag);
      const int before = in_.CurrentPosition();
      if (on_path && depth + 1 < kPathToFloats.size() &&
          type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
        const auto limit = in_.ReadLengthAndPushLimit();
        if (!walk(depth + 1)) return false;
        in_.Skip(std::max(0, in_.BytesUntilLimit()));
        in_.PopLimit(limit);
        continue;
      }
      if (!WireFormatLite::SkipField(&in_, tag)) break;
      const bool floats = on_path && depth + 1 == kPathToFloats.size();
      if (floats) weight_bytes_ += static_cast<std::size_t>(in_.CurrentPosition() - before) + 1;
      if (other_bytes() > limits::kConfigBytes) return false;
    }
    return true;
  }

  CodedInputStream& in_;
  std::size_t weight_bytes_ = 0;
};

template <std::size_t N>
bool holds(const std::array<int, N>& numbers, int number) {
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

bool begins_as_a_model(std::string_view head) {
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(head.data()),
                      static_cast<int>(head.size()));
  const std::uint32_t tag = in.ReadTag();
  const int number = WireFormatLite::GetTagFieldNumber(tag);
  const auto type = WireFormatLite::GetTagWireType(tag);
  return (type == WireFormatLite::WIRETYPE_VARINT && holds(kModelNumbers, number)) ||
         (type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED && holds(kModelTexts, number));
}

tl::unexpected<Error> no_model(std::string_view head) {
  return input_error(
      "expected an ONNX model, but it is {}",
      recognise_text(head).value_or("not one, or damaged. Train it again: iris train"));
}

Result<OnnxSize> measure(CodedInputStream& in, std::size_t bytes, std::string_view head) {
  if (const auto what = recognise_foreign(head)) {
    return input_error("expected an ONNX model, but it is {}", *what);
  }
  if (bytes > limits::kModelBytes) {
    return input_error("{} bytes, expected at most {}", bytes, limits::kModelBytes);
  }
  if (!begins_as_a_model(head)) return no_model(head);
  Walk walk(in);
  if (!walk.run()) {
    return input_error(
        "more than {} bytes beside the weights of linear classifiers, expected at most that",
        limits::kConfigBytes);
  }
  // A tag of zero ends the walk early; a length beyond the end carries it further.
  if (walk.position() != bytes) return no_model(head);
  return OnnxSize{walk.weight_bytes(), walk.other_bytes()};
}

}  // namespace

Result<OnnxSize> onnx_size(std::string_view bytes) {
  const auto size = static_cast<int>(std::min(bytes.size(), limits::kModelBytes));
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()), size);
  return measure(in, bytes.size(), bytes.substr(0, kHeadBytes));
}

Result<OnnxSize> onnx_size(const InputFile& file) {
  const auto head = read_head(file, kHeadBytes);
  google::protobuf::io::FileInputStream stream(file.descriptor.get());
  CodedInputStream in(&stream);
  return measure(in, file.bytes, head);
}

std::size_t peak_memory_bytes(const OnnxSize& size) {
  return 5 * size.weight_bytes + 64 * size.other_bytes + kBaseBytes;
}

std::size_t protobuf_memory_bytes(const OnnxSize& size) {
  // A list of numbers that grows by doubling to n of them takes four times their 4 bytes, where
  // each takes five in the file.
  return 13 * size.weight_bytes / 4 + 24 * size.other_bytes + kBaseBytes;
}

}  // namespace iris::format
