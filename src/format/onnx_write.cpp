#include <cstdint>
#include <utility>

#include "format/onnx.hpp"
#include "format/onnx_metadata.hpp"
#include "onnx_schema/onnx.pb.h"

namespace iris::format {
namespace {

// The oldest versions that hold what is written: every runtime of the last years reads them.
constexpr std::int64_t kIrVersion = 4;
constexpr std::int64_t kOpset = 9;
constexpr std::int64_t kMlOpset = 1;

onnx::AttributeProto& add_attribute(onnx::NodeProto& node, const char* name,
                                    onnx::AttributeProto::AttributeType type) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

void add_floats(onnx::NodeProto& node, const char* name, const std::vector<float>& values) {
  add_attribute(node, name, onnx::AttributeProto::FLOATS)
      .mutable_floats()
      ->Add(values.begin(), values.end());
}

// columns 0: a vector of one element a row.
void describe(onnx::ValueInfoProto& value, const std::string& name,
              onnx::TensorProto::DataType type, std::size_t columns) {
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape()->add_dim()->set_dim_param("rows");
  if (columns != 0) {
    tensor.mutable_shape()->add_dim()->set_dim_value(static_cast<std::int64_t>(columns));
  }
}

void fill_graph(onnx::GraphProto& graph, const model::Model& model) {
  const auto& signature = model.signature;
  graph.set_name("linear_classifier");
  auto& node = *graph.add_node();
  node.set_op_type("LinearClassifier");
  node.set_domain("ai.onnx.ml");
  node.set_name("classifier");
  node.add_input(signature.input_name);
  node.add_output(signature.label_name);
  node.add_output(signature.probabilities_name);

  auto& labels = add_attribute(node, "classlabels_strings", onnx::AttributeProto::STRINGS);
  for (const auto& label : signature.class_labels) labels.add_strings(label);
  add_floats(node, "coefficients", model.classifier.coefficients);
  add_floats(node, "intercepts", model.classifier.intercepts);
  add_attribute(node, "multi_class", onnx::AttributeProto::INT).set_i(1);
  add_attribute(node, "post_transform", onnx::AttributeProto::STRING)
      .set_s(model.classifier.link == model::Link::kSoftmax ? "SOFTMAX" : "LOGISTIC");

  describe(*graph.add_input(), signature.input_name, onnx::TensorProto::FLOAT, model.features());
  describe(*graph.add_output(), signature.label_name, onnx::TensorProto::STRING, 0);
  describe(*graph.add_output(), signature.probabilities_name, onnx::TensorProto::FLOAT,
           model.classes());
}

void add_opset(onnx::ModelProto& proto, const char* domain, std::int64_t version) {
  auto& opset = *proto.add_opset_import();
  opset.set_domain(domain);
  opset.set_version(version);
}

void add_metadata(onnx::ModelProto& proto, const std::string& key, const std::string& value) {
  auto& entry = *proto.add_metadata_props();
  entry.set_key(key);
  entry.set_value(value);
}

}  // namespace

Result<std::string> write_onnx(const model::Model& model) {
  if (auto ok = model::validate(model); !ok) return tl::unexpected(ok.error());
  const auto names = feature_names_to_json(model.signature.feature_names);
  if (!names) return tl::unexpected(names.error());
  const auto golden_rows = golden_rows_to_json(model.golden_rows);
  if (!golden_rows) return tl::unexpected(golden_rows.error());

  onnx::ModelProto proto;
  proto.set_ir_version(kIrVersion);
  proto.set_producer_name("iris");
  fill_graph(*proto.mutable_graph(), model);
  add_opset(proto, "", kOpset);
  add_opset(proto, "ai.onnx.ml", kMlOpset);
  add_metadata(proto, kFeatureNamesKey, *names);
  if (!model.golden_rows.empty()) add_metadata(proto, kGoldenRowsKey, *golden_rows);
  for (const auto& [key, value] : model.metadata) add_metadata(proto, key, value);
  // No map and no unknown field in these messages: protobuf writes fields in their order.
  return proto.SerializeAsString();
}

}  // namespace iris::format
