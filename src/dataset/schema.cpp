#include "dataset/schema.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "dataset/table.hpp"
#include "dataset/yaml.hpp"

namespace iris::dataset {
namespace {

constexpr const char* kTopKeys = "rows, duplicates or columns";
constexpr const char* kRowsKeys = "min or max";
constexpr const char* kColumnKeys = "type, min, max, labels, max_missing_share or min_class_share";

std::vector<std::string> read_labels(YamlReader& yaml, const YAML::Node& node) {
  std::vector<std::string> labels;
  yaml.each_item(node, [&](const YAML::Node& item) {
    std::string label = yaml.text(item);
    if (std::find(labels.begin(), labels.end(), label) != labels.end()) {
      yaml.fail(item, fmt::format("the label {} again", in_quotes(label)), "each label once");
    }
    labels.push_back(std::move(label));
  });
  if (labels.empty()) yaml.fail(node, "no labels", "at least one");
  return labels;
}

ColumnRule read_column(YamlReader& yaml, const std::string& name, const YAML::Node& node) {
  ColumnRule rule;
  rule.name = name;
  bool typed = false;
  bool category_key = false;
  yaml.each(node, [&](const std::string& key, const YAML::Node& value) {
    if (key == "type") {
      rule.type = static_cast<ColumnType>(yaml.one_of(value, {"number", "category", "text"}));
      typed = true;
    } else if (key == "min") {
      rule.min = yaml.number(value);
    } else if (key == "max") {
      rule.max = yaml.number(value);
    } else if (key == "labels") {
      rule.labels = read_labels(yaml, value);
      category_key = true;
    } else if (key == "max_missing_share") {
      rule.max_missing_share = yaml.share(value);
    } else if (key == "min_class_share") {
      rule.min_class_share = yaml.share(value);
      category_key = true;
    } else {
      yaml.unknown_key(node, key, kColumnKeys);
    }
  });
  if (!typed) yaml.fail(node, "no type", "type: number, category or text");
  if ((rule.min || rule.max) && rule.type != ColumnType::kNumber) {
    yaml.fail(node, "min or max of a column that is no number", "type: number");
  }
  if (category_key && rule.type != ColumnType::kCategory) {
    yaml.fail(node, "labels or min_class_share of a column that is no category", "type: category");
  }
  if (rule.min && rule.max && *rule.min > *rule.max) {
    yaml.fail(node, fmt::format("min {} above max {}", *rule.min, *rule.max), "min at most max");
  }
  return rule;
}

void read_rows(YamlReader& yaml, const YAML::Node& node, Schema& schema) {
  yaml.each(node, [&](const std::string& key, const YAML::Node& value) {
    if (key == "min") {
      schema.min_rows = yaml.count(value);
    } else if (key == "max") {
      schema.max_rows = yaml.count(value);
    } else {
      yaml.unknown_key(node, key, kRowsKeys);
    }
  });
  if (schema.max_rows && *schema.max_rows < schema.min_rows) {
    yaml.fail(node, fmt::format("min {} above max {}", schema.min_rows, *schema.max_rows),
              "min at most max");
  }
}

}  // namespace

const char* name_of(ColumnType type) {
  switch (type) {
    case ColumnType::kNumber:
      return "number";
    case ColumnType::kCategory:
      return "category";
    case ColumnType::kText:
      return "text";
  }
  return "";
}

Result<Schema> parse_schema(const std::string& text, const std::string& name) {
  const auto root = YamlReader::load(text, name);
  if (!root) return tl::unexpected(root.error());
  Schema schema;
  YamlReader yaml(name);
  yaml.each(*root, [&](const std::string& key, const YAML::Node& value) {
    if (key == "rows") {
      read_rows(yaml, value, schema);
    } else if (key == "duplicates") {
      schema.duplicates =
          static_cast<Duplicates>(yaml.one_of(value, {"error", "warning", "ignore"}));
    } else if (key == "columns") {
      yaml.each(value, [&](const std::string& column, const YAML::Node& rule) {
        schema.columns.push_back(read_column(yaml, column, rule));
      });
    } else {
      yaml.unknown_key(*root, key, kTopKeys);
    }
  });
  if (schema.columns.empty()) yaml.fail(*root, "no columns", "columns: with at least one");
  if (yaml.failed()) return tl::unexpected(yaml.error());
  return schema;
}

Result<Schema> read_schema(const std::string& path) {
  const auto text = read_file(path, limits::kConfigBytes);
  if (!text) return tl::unexpected(text.error());
  return parse_schema(*text, path);
}

}  // namespace iris::dataset
