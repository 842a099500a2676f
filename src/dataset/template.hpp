// The templates of dvc.yaml: "${name}" stands for a value of params.yaml, of `vars`, or of the item
// that a foreach or matrix is at. What is not known here, or would be written differently by
// Python, is not resolved.
//
//   TemplateValues values;
//   values.merge(YAML::Load("model: {name: m.onnx}"));
//   values.resolve("out/${model.name}");  // "out/m.onnx"
#pragma once

#include <yaml-cpp/yaml.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.hpp"

namespace iris::dataset {

inline constexpr const char* kTemplate = "${";

class TemplateValues {
 public:
  // Adds values; those that are there already stay.
  void merge(const YAML::Node& map) { layers_.push_back({{}, map}); }
  void merge(const std::string& name, const YAML::Node& value) {
    layers_.push_back({{name}, value});
  }
  // These values with another one, which hides one of the same name. The name is a path of keys.
  TemplateValues with(std::vector<std::string> name, const YAML::Node& value) const;

  // Takes so many nodes of what may be resolved with these values and all that were made from them;
  // false when there are no more: a few bytes of YAML may stand for a billion nodes.
  bool spend(std::size_t nodes) const;

  // The text with every template replaced; nothing when one of them is not known.
  std::optional<std::string> resolve(const std::string& text) const;
  // A scalar that is one template is its value, whatever that is; lists and maps are resolved item
  // by item.
  std::optional<YAML::Node> resolve_node(const YAML::Node& node) const;

 private:
  std::optional<YAML::Node> find(const std::string& expression) const;
  // Values by their names, and maps under no name. A node that is put into another's map would take
  // all nodes of its document along, each time (yaml-cpp's memory_holder).
  struct Layer {
    std::vector<std::string> name;
    YAML::Node value;
  };
  std::optional<YAML::Node> resolve_within(const YAML::Node& node, int depth) const;
  bool has_template(const YAML::Node& node, int depth) const;

  std::vector<Layer> layers_{};  // the first that has a value wins
  std::shared_ptr<std::size_t> left_ = std::make_shared<std::size_t>(limits::kTemplateNodes);
};

// The value as Python writes it in a text; nothing for maps, lists and what is not certain.
std::optional<std::string> python_text(const YAML::Node& scalar);

struct TemplateItem {
  std::string name;  // what follows the @ of the stage's name
  TemplateValues values;
};

// The stages that a foreach or a matrix makes; nothing when that is not known.
std::optional<std::vector<TemplateItem>> foreach_items(const TemplateValues& values,
                                                       const YAML::Node& list);
std::optional<std::vector<TemplateItem>> matrix_items(const TemplateValues& values,
                                                      const YAML::Node& lists);

}  // namespace iris::dataset
