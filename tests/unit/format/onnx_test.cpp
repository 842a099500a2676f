#include "format/onnx.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "../model/example.hpp"
#include "base/file.hpp"
#include "onnx_schema/onnx.pb.h"

namespace iris::format {
namespace {

std::string written(const model::Model& model) {
  auto bytes = write_onnx(model);
  EXPECT_TRUE(bytes.has_value());
  return std::move(*bytes);
}

onnx::ModelProto parsed(const std::string& bytes) {
  onnx::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(bytes));
  return proto;
}

model::Model with_golden_rows() {
  auto model = model::three_classes();
  model.golden_rows = {{{1, 0.2F}, "small", {0.7F, 0.2F, 0.1F}}};
  return model;
}

void expect_equal(const model::Model& found, const model::Model& expected) {
  EXPECT_EQ(found.signature.feature_names, expected.signature.feature_names);
  EXPECT_EQ(found.signature.class_labels, expected.signature.class_labels);
  EXPECT_EQ(found.classifier.coefficients, expected.classifier.coefficients);
  EXPECT_EQ(found.classifier.intercepts, expected.classifier.intercepts);
  EXPECT_EQ(found.classifier.link, expected.classifier.link);
  EXPECT_EQ(found.metadata, expected.metadata);
  ASSERT_EQ(found.golden_rows.size(), expected.golden_rows.size());
  for (std::size_t i = 0; i < found.golden_rows.size(); ++i) {
    EXPECT_EQ(found.golden_rows[i].row, expected.golden_rows[i].row);
    EXPECT_EQ(found.golden_rows[i].label, expected.golden_rows[i].label);
    EXPECT_EQ(found.golden_rows[i].probabilities, expected.golden_rows[i].probabilities);
  }
}

TEST(Onnx, ReadsWhatItWrites) {
  for (const auto& model : {with_golden_rows(), model::two_classes()}) {
    const auto read = read_onnx(written(model), "m.onnx");
    ASSERT_TRUE(read.has_value()) << read.error().message;
    expect_equal(*read, model);
  }
}

TEST(Onnx, TheSameModelGivesTheSameBytes) {
  EXPECT_EQ(written(with_golden_rows()), written(with_golden_rows()));
}

TEST(Onnx, RefusesToWriteAModelThatDoesNotHold) {
  auto model = model::three_classes();
  model.classifier.coefficients.pop_back();
  EXPECT_FALSE(write_onnx(model).has_value());
}

TEST(Onnx, RefusesToWriteNamesThatAreNotUtf8) {
  auto model = model::three_classes();
  model.signature.feature_names[0] = "\xff";
  const auto bytes = write_onnx(model);
  ASSERT_FALSE(bytes.has_value());
  EXPECT_NE(bytes.error().message.find("UTF-8"), std::string::npos);
}

// As skl2onnx exports LogisticRegression: Normalizer, Cast of the label and ZipMap behind the
// classifier, integer classes, no feature names.
TEST(Onnx, ReadsTheGraphOfSkl2onnx) {
  auto proto = parsed(written(model::two_classes()));
  proto.clear_metadata_props();
  auto& graph = *proto.mutable_graph();
  auto& classifier = *graph.mutable_node(0);
  for (auto& attribute : *classifier.mutable_attribute()) {
    if (attribute.name() != "classlabels_strings") continue;
    attribute.Clear();
    attribute.set_name("classlabels_ints");
    attribute.set_type(onnx::AttributeProto::INTS);
    attribute.add_ints(0);
    attribute.add_ints(1);
  }
  classifier.set_output(0, "raw_label");
  classifier.set_output(1, "raw");
  const auto add = [&](const char* op, const char* domain, const char* in, const char* out) {
    auto& node = *graph.add_node();
    node.set_op_type(op);
    node.set_domain(domain);
    node.add_input(in);
    node.add_output(out);
    return &node;
  };
  auto& cast = *add("Cast", "", "raw_label", "label")->add_attribute();
  cast.set_name("to");
  cast.set_i(onnx::TensorProto::INT64);
  auto& norm = *add("Normalizer", "ai.onnx.ml", "raw", "normal")->add_attribute();
  norm.set_name("norm");
  norm.set_s("L1");
  auto& labels = *add("ZipMap", "ai.onnx.ml", "normal", "probabilities")->add_attribute();
  labels.set_name("classlabels_int64s");
  labels.add_ints(0);
  labels.add_ints(1);

  const auto model = read_onnx(proto.SerializeAsString(), "m.onnx");
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->signature.class_labels, (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ(model->signature.feature_names, (std::vector<std::string>{"x0", "x1"}));
  EXPECT_EQ(model->classifier.coefficients, model::two_classes().classifier.coefficients);
  const auto operators = onnx_operators(proto.SerializeAsString(), "m.onnx");
  ASSERT_TRUE(operators.has_value());
  EXPECT_EQ(operators->at(1), "ai.onnx.Cast");
}

struct Flaw {
  const char* name;
  std::function<void(onnx::ModelProto&)> make;
  const char* message;
};

onnx::AttributeProto& attribute(onnx::ModelProto& proto, const std::string& name) {
  for (auto& candidate : *proto.mutable_graph()->mutable_node(0)->mutable_attribute()) {
    if (candidate.name() == name) return candidate;
  }
  throw std::out_of_range(name);
}

// Behind the probabilities, as skl2onnx puts it there.
void add_zip_map(onnx::ModelProto& proto, const std::vector<std::string>& strings,
                 const std::vector<std::int64_t>& ints = {}) {
  auto& graph = *proto.mutable_graph();
  graph.mutable_node(0)->set_output(1, "raw");
  auto& node = *graph.add_node();
  node.set_op_type("ZipMap");
  node.set_domain("ai.onnx.ml");
  node.add_input("raw");
  node.add_output("probabilities");
  auto& labels = *node.add_attribute();
  labels.set_name(ints.empty() ? "classlabels_strings" : "classlabels_int64s");
  for (const auto& label : strings) labels.add_strings(label);
  for (const auto label : ints) labels.add_ints(label);
}

TEST(Onnx, ReadsAZipMapThatNamesTheClassesAsTheClassifierDoes) {
  auto proto = parsed(written(model::three_classes()));
  add_zip_map(proto, model::three_classes().signature.class_labels);
  const auto model = read_onnx(proto.SerializeAsString(), "m.onnx");
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->signature.class_labels, model::three_classes().signature.class_labels);
}

std::vector<std::string> other_order() {
  auto labels = model::three_classes().signature.class_labels;
  std::swap(labels[1], labels[2]);
  return labels;
}

class OnnxFlaws : public testing::TestWithParam<Flaw> {};

TEST_P(OnnxFlaws, AreRefusedWithFileAndReason) {
  auto proto = parsed(written(with_golden_rows()));
  GetParam().make(proto);
  const auto model = read_onnx(proto.SerializeAsString(), "m.onnx");
  ASSERT_FALSE(model.has_value());
  EXPECT_TRUE(model.error().message.starts_with("m.onnx: ")) << model.error().message;
  EXPECT_NE(model.error().message.find(GetParam().message), std::string::npos)
      << model.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    All, OnnxFlaws,
    testing::Values(
        Flaw{"unknown_operator",
             [](auto& p) { p.mutable_graph()->mutable_node(0)->set_op_type("SVMClassifier"); },
             "ai.onnx.ml.SVMClassifier (node 'classifier'): not supported; supported are "
             "ai.onnx.ml.LinearClassifier"},
        Flaw{"no_classifier", [](auto& p) { p.mutable_graph()->clear_node(); },
             "no ai.onnx.ml.LinearClassifier"},
        Flaw{"no_graph", [](auto& p) { p.clear_graph(); }, "expected an ONNX model"},
        Flaw{"old_ir", [](auto& p) { p.set_ir_version(2); }, "IR version 2, expected 3"},
        Flaw{"two_inputs", [](auto& p) { p.mutable_graph()->add_input()->set_name("b"); },
             "2 inputs, expected one"},
        Flaw{"integer_input",
             [](auto& p) {
               p.mutable_graph()
                   ->mutable_input(0)
                   ->mutable_type()
                   ->mutable_tensor_type()
                   ->set_elem_type(onnx::TensorProto::INT64);
             },
             "element type 7, expected 1"},
        Flaw{"width",
             [](auto& p) {
               p.mutable_graph()
                   ->mutable_input(0)
                   ->mutable_type()
                   ->mutable_tensor_type()
                   ->mutable_shape()
                   ->mutable_dim(1)
                   ->set_dim_value(5);
             },
             "input with 5 features, but coefficients for 2"},
        Flaw{"coefficients", [](auto& p) { attribute(p, "coefficients").add_floats(1); },
             "3 class labels, 7 coefficients and 3 intercepts"},
        Flaw{"raw_scores", [](auto& p) { attribute(p, "post_transform").set_s("NONE"); },
             "post_transform 'NONE' gives no probabilities"},
        Flaw{"one_against_rest", [](auto& p) { attribute(p, "post_transform").set_s("LOGISTIC"); },
             "one against the rest"},
        Flaw{"foreign_output",
             [](auto& p) { p.mutable_graph()->mutable_output(0)->set_name("other"); },
             "output 'other' is neither"},
        Flaw{"reads_elsewhere",
             [](auto& p) { p.mutable_graph()->mutable_node(0)->set_input(0, "other"); },
             "expected once, reading the graph's input"},
        Flaw{"feature_names", [](auto& p) { p.mutable_metadata_props(0)->set_value("[\"a\"]"); },
             "1 feature names, but coefficients for 2"},
        Flaw{"feature_names_json", [](auto& p) { p.mutable_metadata_props(0)->set_value("{"); },
             "'iris.feature_names' is not a JSON array of strings"},
        Flaw{"golden_rows_json", [](auto& p) { p.mutable_metadata_props(1)->set_value("[1]"); },
             "'iris.golden_rows' is not a JSON array of"},
        Flaw{"metadata_twice", [](auto& p) { *p.add_metadata_props() = p.metadata_props(0); },
             "'iris.feature_names' twice"},
        Flaw{"zip_map_in_another_order", [](auto& p) { add_zip_map(p, other_order()); },
             "there; expected the same labels in the same order"},
        Flaw{"zip_map_of_others",
             [](auto& p) {
               add_zip_map(p, {}, {0, 1, 2});
             },
             "class label 1 is '0', but the linear classifier has"},
        Flaw{"zip_map_of_fewer", [](auto& p) { add_zip_map(p, {"a"}); },
             "1 class labels, but the linear classifier has 3"},
        Flaw{"zip_map_of_none", [](auto& p) { add_zip_map(p, {}); },
             "0 class labels, but the linear classifier has 3"},
        Flaw{"class_not_utf8",
             [](auto& p) { attribute(p, "classlabels_strings").set_strings(1, "caf\xe9"); },
             "the name of class 2 is not UTF-8"},
        Flaw{"feature_not_utf8",
             [](auto& p) { p.mutable_metadata_props(0)->set_value("[\"a\",\"caf\xe9\"]"); },
             "'iris.feature_names' is not a JSON array of strings"},
        Flaw{"output_not_utf8",
             [](auto& p) {
               p.mutable_graph()->mutable_output(0)->set_name("caf\xe9");
               p.mutable_graph()->mutable_node(0)->set_output(0, "caf\xe9");
             },
             "the name of output 1 is not UTF-8"},
        Flaw{"input_not_utf8",
             [](auto& p) {
               p.mutable_graph()->mutable_input(0)->set_name("caf\xe9");
               p.mutable_graph()->mutable_node(0)->set_input(0, "caf\xe9");
             },
             "the name of input 1 is not UTF-8"},
        Flaw{"too_much_beside_weights",
             [](auto& p) { p.set_doc_string(std::string(5 << 20, 'x')); },
             "bytes beside the weights"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(Onnx, BigWeightsAreNotBesideTheWeights) {
  model::Model model;
  for (int f = 0; f < 4000; ++f) model.signature.feature_names.push_back(fmt::format("x{}", f));
  for (int c = 0; c < 300; ++c) model.signature.class_labels.push_back(fmt::format("c{}", c));
  model.classifier.coefficients.assign(4000 * 300, 1);
  model.classifier.intercepts.assign(300, 0);
  const auto read = read_onnx(written(model), "m.onnx");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->classifier.coefficients.size(), 4000U * 300U);
}

// Two bytes of each stand for a message of three hundred.
TEST(Onnx, PartsThatTakeMoreMemoryThanAModelMayAreRefused) {
  const auto field = [](int number, const std::string& payload) {
    std::string out(1, static_cast<char>(number << 3 | 2));
    for (std::size_t size = payload.size(); out.size() == 1 || size > 0; size >>= 7) {
      out += static_cast<char>((size & 127) | (size > 127 ? 128 : 0));
    }
    return out + payload;
  };
  std::string graphs;
  for (int i = 0; i < 500'000; ++i) graphs += field(11, "");
  const auto read = read_onnx("\x08\x08" + field(7, field(1, field(5, graphs))), "m.onnx");
  ASSERT_FALSE(read.has_value());
  EXPECT_NE(read.error().message.find("takes more memory"), std::string::npos)
      << read.error().message;
}

TEST(Onnx, WhatFollowsAModelIsNotRead) {
  const std::string path = testing::TempDir() + "iris-trailing.onnx";
  ASSERT_TRUE(write_file(path, written(model::three_classes())));
  const auto bytes = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, bytes + (std::uintmax_t{400} << 20));
  const auto read = read_model_file(path);
  std::filesystem::remove(path);
  ASSERT_FALSE(read.has_value());
  EXPECT_NE(read.error().message.find("expected an ONNX model"), std::string::npos)
      << read.error().message;
}

TEST(Onnx, EveryTruncationIsRefused) {
  const auto bytes = written(model::three_classes());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto cut = read_onnx(std::string_view(bytes).substr(0, length), "m.onnx");
    // Metadata is last in the file, so a cut between two of its entries leaves a sound model.
    if (!cut) continue;
    EXPECT_EQ(cut->classifier.coefficients, model::three_classes().classifier.coefficients);
  }
  EXPECT_FALSE(read_onnx(std::string_view(bytes).substr(0, bytes.size() / 2), "m").has_value());
}

TEST(Onnx, AMissingFileIsNamed) {
  const auto model = load_model("/nowhere/model.onnx");
  ASSERT_FALSE(model.has_value());
  EXPECT_NE(model.error().message.find("/nowhere/model.onnx"), std::string::npos);
}

}  // namespace
}  // namespace iris::format
