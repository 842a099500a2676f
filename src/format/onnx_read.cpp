#include <google/protobuf/arena.h>

#include <algorithm>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "base/cgroup_limits.hpp"
#include "base/file.hpp"
#include "format/foreign.hpp"
#include "format/onnx.hpp"
#include "format/onnx_metadata.hpp"
#include "format/onnx_size.hpp"
#include "onnx_schema/onnx.pb.h"

namespace iris::format {
namespace {

constexpr std::int64_t kNewestIrVersion = 32;  // the layout of what is read here has never changed
// A model that takes less is read without asking what is left: the process needs that anyway.
constexpr std::size_t kUncheckedBytes = std::size_t{4} << 20;
constexpr std::string_view kSupported =
    "supported are ai.onnx.ml.LinearClassifier, ai.onnx.ml.Normalizer (L1), ai.onnx.ml.ZipMap, "
    "ai.onnx.Cast and ai.onnx.Identity";

std::string qualified(const onnx::NodeProto& node) {
  return (node.domain().empty() ? "ai.onnx" : node.domain()) + "." + node.op_type();
}

// How a message names a node.
std::string describe(const onnx::NodeProto& node) {
  return node.name().empty() ? qualified(node)
                             : fmt::format("{} (node '{}')", qualified(node), node.name());
}

const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name) {
  const auto found = std::find_if(node.attribute().begin(), node.attribute().end(),
                                  [&](const auto& attribute) { return attribute.name() == name; });
  return found == node.attribute().end() ? nullptr : &*found;
}

std::string text_attribute(const onnx::NodeProto& node, std::string_view name, const char* absent) {
  const auto* attribute = find_attribute(node, name);
  return attribute == nullptr ? absent : attribute->s();
}

std::vector<float> float_attribute(const onnx::NodeProto& node, std::string_view name) {
  const auto* attribute = find_attribute(node, name);
  if (attribute == nullptr) return {};
  return {attribute->floats().begin(), attribute->floats().end()};
}

// The labels of a node, which are strings or, by an attribute named `ints`, integers.
std::vector<std::string> class_labels(const onnx::NodeProto& node, std::string_view ints) {
  std::vector<std::string> labels;
  if (const auto* strings = find_attribute(node, "classlabels_strings"); strings != nullptr) {
    labels.assign(strings->strings().begin(), strings->strings().end());
  }
  if (const auto* numbers = find_attribute(node, ints); numbers != nullptr && labels.empty()) {
    for (const auto label : numbers->ints()) labels.push_back(std::to_string(label));
  }
  return labels;
}

// What a value of the graph is; the graph is followed from its input to its outputs with this.
enum class Role { kRows, kLabel, kProbabilities };

class GraphReader {
 public:
  explicit GraphReader(const onnx::GraphProto& graph) : graph_(graph) {}

  // Fills signature.class_labels and classifier.
  Result<model::Model> read() {
    if (auto ok = read_input(); !ok) return tl::unexpected(ok.error());
    // Nodes stand in an order in which each comes after what it reads (docs/IR.md).
    for (const auto& node : graph_.node()) {
      if (auto ok = read_node(node); !ok) {
        return input_error("{}: {}", describe(node), ok.error().message);
      }
    }
    if (features_ == 0) return input_error("no ai.onnx.ml.LinearClassifier; {}", kSupported);
    if (auto ok = check_shape(); !ok) return tl::unexpected(ok.error());
    for (const auto& output : graph_.output()) {
      const auto role = role_of(output.name());
      if (!role || *role == Role::kRows) {
        return input_error("output '{}' is neither the label nor the probabilities", output.name());
      }
      auto& signature = model_.signature;
      (*role == Role::kLabel ? signature.label_name : signature.probabilities_name) = output.name();
    }
    return std::move(model_);
  }

  std::size_t features() const { return features_; }

 private:
  std::optional<Role> role_of(const std::string& value) const {
    const auto found = roles_.find(value);
    return found == roles_.end() ? std::nullopt : std::optional(found->second);
  }

  Result<void> read_input() {
    if (graph_.input_size() != 1) {
      return input_error("{} inputs, expected one: a float tensor [rows, features]",
                         graph_.input_size());
    }
    const auto& tensor = graph_.input(0).type().tensor_type();
    if (tensor.elem_type() != onnx::TensorProto::FLOAT &&
        tensor.elem_type() != onnx::TensorProto::DOUBLE) {
      return input_error("input '{}' has ONNX's element type {}, expected 1 (float)",
                         graph_.input(0).name(), tensor.elem_type());
    }
    roles_[graph_.input(0).name()] = Role::kRows;
    model_.signature.input_name = graph_.input(0).name();
    return {};
  }

  // The width that the input declares, if it does.
  Result<void> check_shape() const {
    const auto& shape = graph_.input(0).type().tensor_type().shape();
    if (shape.dim_size() != 0 && shape.dim_size() != 2) {
      return input_error("input of rank {}, expected [rows, features]", shape.dim_size());
    }
    if (shape.dim_size() == 2 && shape.dim(1).has_dim_value() &&
        shape.dim(1).dim_value() != static_cast<std::int64_t>(features_)) {
      return input_error("input with {} features, but coefficients for {}",
                         shape.dim(1).dim_value(), features_);
    }
    return {};
  }

  Result<void> read_node(const onnx::NodeProto& node) {
    const auto name = qualified(node);
    if (node.input_size() != 1 || node.output_size() < 1 || node.output_size() > 2) {
      return input_error("not supported; {}", kSupported);
    }
    const auto role = role_of(node.input(0));
    if (name == "ai.onnx.ml.LinearClassifier") return read_classifier(node, role);
    if (name == "ai.onnx.ml.Normalizer") return read_normalizer(node, role);
    if (name == "ai.onnx.ml.ZipMap") return read_zip_map(node, role);
    if (name == "ai.onnx.Cast") return read_cast(node, role);
    if (name == "ai.onnx.Identity") return pass_on(node, role, role);
    return input_error("not supported; {}", kSupported);
  }

  Result<void> pass_on(const onnx::NodeProto& node, std::optional<Role> role,
                       std::optional<Role> expected) {
    if (!role || role != expected) {
      return input_error("reads '{}', which does not come from the linear classifier",
                         node.input(0));
    }
    roles_[node.output(0)] = *role;
    return {};
  }

  // Dividing probabilities by their sum, which is one, changes nothing.
  Result<void> read_normalizer(const onnx::NodeProto& node, std::optional<Role> role) {
    if (const auto norm = text_attribute(node, "norm", "MAX"); norm != "L1") {
      return input_error("norm '{}' is not supported, expected 'L1'", norm);
    }
    return pass_on(node, role, Role::kProbabilities);
  }

  // Names the probabilities; the classifier's names are those that are served. A file in which the
  // two disagree says two things of each probability.
  Result<void> read_zip_map(const onnx::NodeProto& node, std::optional<Role> role) {
    const auto labels = class_labels(node, "classlabels_int64s");
    if (auto ok = pass_on(node, role, Role::kProbabilities); !ok) return ok;
    const auto& expected = model_.signature.class_labels;
    if (labels.size() != expected.size()) {
      return input_error("{} class labels, but the linear classifier has {}", labels.size(),
                         expected.size());
    }
    const auto [ours, other] = std::mismatch(expected.begin(), expected.end(), labels.begin());
    if (ours == expected.end()) return {};
    return input_error(
        "class label {} is '{}', but the linear classifier has '{}' there; expected the same "
        "labels in the same order",
        ours - expected.begin() + 1, *other, *ours);
  }

  Result<void> read_cast(const onnx::NodeProto& node, std::optional<Role> role) {
    const auto* attribute = find_attribute(node, "to");
    const auto to = attribute == nullptr ? 0 : attribute->i();
    const bool exact = role == Role::kLabel
                           ? to == onnx::TensorProto::INT64 || to == onnx::TensorProto::STRING
                           : to == onnx::TensorProto::FLOAT || to == onnx::TensorProto::DOUBLE;
    if (!exact) return input_error("to ONNX's element type {} is not supported", to);
    return pass_on(node, role, role);
  }

  Result<void> read_classifier(const onnx::NodeProto& node, std::optional<Role> role) {
    if (role != Role::kRows || features_ != 0) {
      return input_error("expected once, reading the graph's input");
    }
    auto& classifier = model_.classifier;
    classifier.coefficients = float_attribute(node, "coefficients");
    classifier.intercepts = float_attribute(node, "intercepts");
    auto& labels = model_.signature.class_labels;
    labels = class_labels(node, "classlabels_ints");
    if (labels.size() < 2 || classifier.coefficients.empty() ||
        classifier.coefficients.size() % labels.size() != 0 ||
        classifier.intercepts.size() != labels.size()) {
      return input_error(
          "{} class labels, {} coefficients and {} intercepts, expected one row of coefficients "
          "and one intercept for each of at least two classes",
          labels.size(), classifier.coefficients.size(), classifier.intercepts.size());
    }
    features_ = classifier.coefficients.size() / labels.size();
    roles_[node.output(0)] = Role::kLabel;
    if (node.output_size() == 2) roles_[node.output(1)] = Role::kProbabilities;
    return read_link(node);
  }

  Result<void> read_link(const onnx::NodeProto& node) {
    const auto link = text_attribute(node, "post_transform", "NONE");
    if (link == "LOGISTIC" && model_.classes() > 2) {
      return input_error(
          "post_transform LOGISTIC with {} classes (one against the rest) is not supported, "
          "expected SOFTMAX; fit the model as multinomial",
          model_.classes());
    }
    if (link != "SOFTMAX" && link != "LOGISTIC") {
      return input_error("post_transform '{}' gives no probabilities, expected SOFTMAX or LOGISTIC",
                         link);
    }
    model_.classifier.link = link == "SOFTMAX" ? model::Link::kSoftmax : model::Link::kLogistic;
    return {};
  }

  const onnx::GraphProto& graph_;
  std::map<std::string, Role> roles_;
  model::Model model_;
  std::size_t features_ = 0;
};

// Moves what metadata_props say to where the Model has it.
Result<void> read_metadata(const onnx::ModelProto& proto, std::size_t features,
                           model::Model& model) {
  for (const auto& entry : proto.metadata_props()) {
    if (!model.metadata.emplace(entry.key(), entry.value()).second) {
      return input_error("metadata '{}' twice", entry.key());
    }
  }
  if (auto names = model.metadata.extract(kFeatureNamesKey); names) {
    auto parsed = feature_names_from_json(names.mapped());
    if (!parsed) return tl::unexpected(parsed.error());
    if (parsed->size() != features) {
      return input_error("{} feature names, but coefficients for {}", parsed->size(), features);
    }
    model.signature.feature_names = std::move(*parsed);
  } else {
    for (std::size_t f = 0; f < features; ++f) {
      model.signature.feature_names.push_back(fmt::format("x{}", f));
    }
  }
  if (auto rows = model.metadata.extract(kGoldenRowsKey); rows) {
    auto parsed = golden_rows_from_json(rows.mapped());
    if (!parsed) return tl::unexpected(parsed.error());
    model.golden_rows = std::move(*parsed);
  }
  return {};
}

// What protobuf may still take in this thread. An arena passes its allocator nothing else.
thread_local std::size_t protobuf_left_bytes = 0;
thread_local bool protobuf_has_enough = false;

void* allocate_block(std::size_t bytes) {
  if (bytes > protobuf_left_bytes) {
    protobuf_has_enough = true;
    throw std::bad_alloc();
  }
  protobuf_left_bytes -= bytes;
  return ::operator new(bytes);
}

void free_block(void* block, std::size_t) {
  ::operator delete(block);
}

google::protobuf::ArenaOptions bounded_arena(std::size_t bytes) {
  protobuf_left_bytes = bytes;
  protobuf_has_enough = false;
  google::protobuf::ArenaOptions options;
  options.block_alloc = &allocate_block;
  options.block_dealloc = &free_block;
  return options;
}

// The file as protobuf has it, in memory that is bounded by the file's size: two bytes may stand
// for a message of three hundred.
class ParsedFile {
 public:
  // Messages do not name the file yet.
  static Result<std::unique_ptr<ParsedFile>> parse(std::string_view bytes) {
    const auto size = onnx_size(bytes);
    if (!size) return tl::unexpected(size.error());
    std::unique_ptr<ParsedFile> file(new ParsedFile(*size));
    const auto& proto = *file->proto_;
    if (!file->proto_->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        !proto.has_graph() || !proto.has_ir_version()) {
      const auto what = recognise_text(bytes);
      return input_error("expected an ONNX model, but it is {}",
                         what.value_or("not one, or damaged. Train it again: iris train"));
    }
    if (proto.ir_version() < 3 || proto.ir_version() > kNewestIrVersion) {
      return input_error("ONNX IR version {}, expected 3 to {}", proto.ir_version(),
                         kNewestIrVersion);
    }
    return file;
  }
  const onnx::ModelProto& proto() const { return *proto_; }

 private:
  explicit ParsedFile(const OnnxSize& size)
      : arena_(bounded_arena(protobuf_memory_bytes(size))),
        proto_(google::protobuf::Arena::CreateMessage<onnx::ModelProto>(&arena_)) {}

  google::protobuf::Arena arena_;
  onnx::ModelProto* const proto_;
};

Result<std::unique_ptr<ParsedFile>> parse(std::string_view bytes) {
  try {
    return ParsedFile::parse(bytes);
  } catch (const std::bad_alloc&) {
    if (!protobuf_has_enough) throw;
    return input_error(
        "its {} bytes stand for so many parts that reading them takes more memory than a model of "
        "that size may",
        bytes.size());
  }
}

Result<model::Model> read(std::string_view bytes) {
  const auto file = parse(bytes);
  if (!file) return tl::unexpected(file.error());
  const auto& proto = (*file)->proto();
  GraphReader reader(proto.graph());
  auto model = reader.read();
  if (!model) return model;
  if (auto ok = read_metadata(proto, reader.features(), *model); !ok) {
    return tl::unexpected(ok.error());
  }
  if (auto ok = model::validate(*model); !ok) return tl::unexpected(ok.error());
  return model;
}

constexpr double kMiB = 1 << 20;

Result<void> check_memory(const OnnxSize& size) {
  const auto peak = peak_memory_bytes(size);
  if (peak <= kUncheckedBytes) return {};
  const auto room = memory_room();
  if (!room || peak <= room->free_bytes) return {};
  return environment_error(
      "loading its {:.1f} MiB takes up to {:.1f} MiB of memory, but only {:.1f} MiB are left of "
      "the "
      "{:.1f} MiB of {}; raise that limit",
      static_cast<double>(size.weight_bytes + size.other_bytes) / kMiB,
      static_cast<double>(peak) / kMiB, static_cast<double>(room->free_bytes) / kMiB,
      static_cast<double>(room->limit_bytes) / kMiB, room->limit);
}

}  // namespace

Result<model::Model> read_onnx(std::string_view bytes, const std::string& name) {
  auto model = read(bytes);
  if (!model) return input_error("{}: {}", name, model.error().message);
  return model;
}

Result<std::string> read_model_file(const std::string& path) {
  const auto file = open_input(path);
  if (!file) return tl::unexpected(file.error());
  const auto named = [&path](Error error) {
    error.message = path + ": " + error.message;
    return tl::unexpected(std::move(error));
  };
  const auto size = onnx_size(*file);
  if (!size) return named(size.error());
  if (auto fits = check_memory(*size); !fits) return named(fits.error());
  return read_input(*file, path);
}

Result<model::Model> load_model(const std::string& path) {
  const auto bytes = read_model_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  return read_onnx(*bytes, path);
}

Result<std::vector<std::string>> onnx_operators(std::string_view bytes, const std::string& name) {
  const auto file = parse(bytes);
  if (!file) return input_error("{}: {}", name, file.error().message);
  std::vector<std::string> operators;
  for (const auto& node : (*file)->proto().graph().node()) operators.push_back(qualified(node));
  return operators;
}

}  // namespace iris::format
