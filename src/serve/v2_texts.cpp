#include "serve/v2_texts.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "serve/json_text.hpp"

namespace iris::serve {
namespace {

// Enough of the digest to tell a model's versions apart.
constexpr std::size_t kVersionDigits = 12;

std::string label_element(const std::string& label) {
  const auto size = static_cast<std::uint32_t>(label.size());
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(size >> shift & 0xff);
  return bytes + label;
}

}  // namespace

V2Texts make_v2_texts(const model::Signature& signature, const std::string& name,
                      const std::string& digest) {
  V2Texts texts;
  texts.version = digest.empty() ? "1" : digest.substr(0, kVersionDigits);
  // In a path, '%' would begin an escape.
  if (name.find('%') == std::string::npos) {
    texts.infer_path = fmt::format("/v2/models/{}/infer", name);
  }
  const auto json_name = json_string(name);
  const auto json_version = json_string(texts.version);
  const auto label = json_string(signature.label_name);
  const auto probabilities = json_string(signature.probabilities_name);
  texts.answer_start =
      fmt::format(R"({{"model_name":{},"model_version":{})", json_name, json_version);
  texts.label_start = fmt::format(R"({{"name":{},"datatype":"BYTES","shape":[)", label);
  texts.probabilities_start =
      fmt::format(R"({{"name":{},"datatype":"FP32","shape":[)", probabilities);
  for (const auto& text : signature.class_labels) texts.label_bytes.push_back(label_element(text));
  texts.metadata = fmt::format(R"({{"name":{},"versions":[{}],"platform":"onnx_onnxv1",)"
                               R"("inputs":[{{"name":{},"datatype":"FP32","shape":[-1,{}]}}],)"
                               R"("outputs":[{}-1]}},{}-1,{}]}}]}})",
                               json_name, json_version, json_string(signature.input_name),
                               signature.feature_names.size(), texts.label_start,
                               texts.probabilities_start, signature.class_labels.size());
  return texts;
}

}  // namespace iris::serve
