// The body of POST /v2/models/{m}/infer into rows of features, without allocating in the steady
// state (Open Inference Protocol V2, "Inference", with its binary tensor extension):
//
//   {"id": "7", "inputs": [{"name": "input", "shape": [2, 4], "datatype": "FP32",
//                           "data": [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3]]}],
//    "outputs": [{"name": "label"}]}
//
// The input is one tensor [rows, features] with the name of the model's input, or one tensor
// [rows] or [rows, 1] for each feature, by the feature's name; of any datatype of v2_tensor.hpp.
// Data lie row by row, nested as the shape says or flat. Parameters that are not known here are
// not looked at; those that would change the answer are refused with 501. Members that need not be
// there may be null, which is the same as absent: several clients write all that they know of.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/model.hpp"
#include "serve/rejection.hpp"

namespace iris::serve {

enum class V2Output { kLabel, kProbabilities };
inline constexpr std::size_t kV2Outputs = 2;

struct V2Request {
  struct Output {
    V2Output output = V2Output::kLabel;
    bool binary = false;
  };

  std::vector<float> values;  // row-major [rows × features]
  std::size_t rows = 0;
  std::optional<std::string_view> id{};  // holds as long as the body, until the next is parsed
  std::array<Output, kV2Outputs> output_list{};
  std::size_t output_count = 0;

  // In the order asked for.
  std::span<const Output> outputs() const { return {output_list.data(), output_count}; }
  bool wants(V2Output output) const {
    return std::ranges::any_of(outputs(), [&](const Output& o) { return o.output == output; });
  }
  bool wants_binary() const {
    return std::ranges::any_of(outputs(), [](const Output& o) { return o.binary; });
  }
};

class V2RequestParser {
 public:
  explicit V2RequestParser(const model::Signature& signature);
  ~V2RequestParser();
  V2RequestParser(const V2RequestParser&) = delete;
  V2RequestParser& operator=(const V2RequestParser&) = delete;

  // Reads `body`, behind which http::kBodyPadding bytes must be readable. Its first `json_bytes`
  // are JSON, all of them when none is given; binary tensors lie behind. Returns whether it is
  // good; if not, rejection() says why.
  bool parse(std::string_view body, std::optional<std::size_t> json_bytes, V2Request& request);
  const Rejection& rejection() const;
  void release_memory();

 private:
  class Reader;  // keeps simdjson out of this header
  std::unique_ptr<Reader> reader_;
};

}  // namespace iris::serve
