#include "dataset/template.hpp"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "base/limits.hpp"

namespace iris::dataset {
namespace {

// Of what one template may expand to: aliases of YAML make much out of little.
constexpr int kDeepest = 64;
constexpr std::size_t kCopyNodes = 25;  // what a node that is made anew counts as

bool is_whole_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos &&
         (text.size() == 1 || text.front() != '0');
}

// Python writes it as it stands: 0.5, 12.0, but not 1.50 or 0.00001.
bool is_plain_decimal(std::string_view text) {
  const auto point = text.find('.');
  if (point == std::string_view::npos || !is_whole_number(text.substr(0, point))) return false;
  const std::string_view digits = text.substr(point + 1);
  return !digits.empty() && text.size() <= 12 && !digits.starts_with("000") &&
         digits.find_first_not_of("0123456789") == std::string_view::npos &&
         (digits == "0" || digits.back() != '0');
}

// The names and indices of "a.b[0].c"; nothing when it is none.
std::optional<std::vector<std::string>> parts_of(std::string_view expression) {
  const auto begin = expression.find_first_not_of(' ');
  if (begin == std::string_view::npos) return std::nullopt;
  expression = expression.substr(begin, expression.find_last_not_of(' ') + 1 - begin);
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < expression.size();) {
    const bool index = expression[at] == '[';
    if (index || expression[at] == '.') ++at;
    const std::size_t stop =
        std::min(expression.find_first_of(index ? "]" : ".[", at), expression.size());
    parts.emplace_back(expression.substr(at, stop - at));
    at = stop + (index ? 1 : 0);
  }
  return parts;
}

std::optional<YAML::Node> find_in(YAML::Node node, std::span<const std::string> parts) {
  for (const std::string& part : parts) {
    constexpr std::size_t kDigits = 6;
    const bool index = is_whole_number(part) && part.size() <= kDigits && part.front() != '-';
    if (!node.IsMap() && !(node.IsSequence() && index)) return std::nullopt;
    const YAML::Node next =
        node.IsMap() ? std::as_const(node)[part] : std::as_const(node)[std::stoul(part)];
    if (!next.IsDefined()) return std::nullopt;
    node.reset(next);
  }
  return node;
}

}  // namespace

std::optional<std::string> python_text(const YAML::Node& scalar) {
  if (!scalar.IsScalar()) return std::nullopt;
  const std::string& text = scalar.Scalar();
  if (scalar.Tag() == "!") return text;  // quoted
  if (text == "true" || text == "True" || text == "TRUE") return "true";
  if (text == "false" || text == "False" || text == "FALSE") return "false";
  if (is_whole_number(text) || is_plain_decimal(text)) return text;
  const bool may_be_number = text.find_first_of("0123456789+-.") == 0;
  if (text.empty() || may_be_number) return std::nullopt;
  return text;
}

TemplateValues TemplateValues::with(std::vector<std::string> name, const YAML::Node& value) const {
  TemplateValues more = *this;
  more.layers_.insert(more.layers_.begin(), {std::move(name), value});
  return more;
}

std::optional<YAML::Node> TemplateValues::find(const std::string& expression) const {
  const auto parts = parts_of(expression);
  if (!parts) return std::nullopt;
  for (const Layer& layer : layers_) {
    const std::size_t named = layer.name.size();
    if (parts->size() < named ||
        !std::equal(layer.name.begin(), layer.name.end(), parts->begin())) {
      continue;
    }
    if (auto found = find_in(layer.value, std::span(*parts).subspan(named))) return found;
  }
  return std::nullopt;
}

std::optional<std::string> TemplateValues::resolve(const std::string& text) const {
  std::string resolved;
  for (std::size_t at = 0;;) {
    const auto begin = text.find(kTemplate, at);
    resolved += text.substr(at, begin - at);
    if (begin == std::string::npos) return resolved;
    const auto end = text.find('}', begin);
    // "\${" is DVC's way to write the characters themselves.
    if (end == std::string::npos || (begin > 0 && text[begin - 1] == '\\')) return std::nullopt;
    const auto node = find(text.substr(begin + 2, end - begin - 2));
    const auto value = node ? python_text(*node) : std::nullopt;
    if (!value) return std::nullopt;
    resolved += *value;
    at = end + 1;
  }
}

std::optional<YAML::Node> TemplateValues::resolve_node(const YAML::Node& node) const {
  return has_template(node, 0) ? resolve_within(node, 0) : std::optional(node);
}

bool TemplateValues::spend(std::size_t nodes) const {
  if (*left_ < nodes) return false;
  *left_ -= nodes;
  return true;
}

// True also for what is too deep or too much to say, which resolve_within() gives up.
bool TemplateValues::has_template(const YAML::Node& node, int depth) const {
  if (depth == kDeepest || !spend(1)) return true;
  if (node.IsScalar()) return node.Scalar().find(kTemplate) != std::string::npos;
  for (const auto& entry : node) {
    if (has_template(node.IsMap() ? entry.second : YAML::Node(entry), depth + 1)) return true;
  }
  return false;
}

std::optional<YAML::Node> TemplateValues::resolve_within(const YAML::Node& node, int depth) const {
  if (depth == kDeepest || !spend(kCopyNodes)) return std::nullopt;
  if (node.IsScalar()) {
    const std::string& text = node.Scalar();
    if (text.find(kTemplate) == std::string::npos) return node;
    if (text.starts_with(kTemplate) && text.find('}') + 1 == text.size()) {
      return find(text.substr(2, text.size() - 3));
    }
    const auto resolved = resolve(text);
    if (!resolved) return std::nullopt;
    return YAML::Node(*resolved);
  }
  YAML::Node copy(node.Type());
  for (const auto& entry : node) {
    const auto value = resolve_within(node.IsMap() ? entry.second : YAML::Node(entry), depth + 1);
    if (!value) return std::nullopt;
    if (node.IsMap()) {
      copy[entry.first] = *value;
    } else {
      copy.push_back(*value);
    }
  }
  return copy;
}

std::optional<std::vector<TemplateItem>> foreach_items(const TemplateValues& values,
                                                       const YAML::Node& list) {
  const auto resolved = values.resolve_node(list);
  if (!resolved || resolved->size() > limits::kStages || !values.spend(resolved->size())) {
    return std::nullopt;
  }
  std::vector<TemplateItem> items;
  if (resolved->IsMap()) {
    for (const auto& pair : *resolved) {
      const auto name = python_text(pair.first);
      if (!name) return std::nullopt;
      items.push_back({*name, values.with({"item"}, pair.second).with({"key"}, pair.first)});
    }
    return items;
  }
  if (!resolved->IsSequence()) return std::nullopt;
  bool nested = false;
  for (const auto& item : *resolved) nested = nested || !item.IsScalar();
  for (const auto& item : *resolved) {
    const auto name = nested ? std::to_string(items.size()) : python_text(item);
    if (!name) return std::nullopt;
    items.push_back({*name, values.with({"item"}, item)});
  }
  return items;
}

std::optional<std::vector<TemplateItem>> matrix_items(const TemplateValues& values,
                                                      const YAML::Node& lists) {
  const auto resolved = values.resolve_node(lists);
  if (!resolved || !resolved->IsMap()) return std::nullopt;
  std::vector<TemplateItem> items{{"", values}};
  for (const auto& pair : *resolved) {
    const std::string key = pair.first.Scalar();
    if (!pair.second.IsSequence()) return std::nullopt;
    const std::size_t product = items.size() * pair.second.size();
    if (product > limits::kStages || !values.spend(product)) return std::nullopt;
    std::vector<TemplateItem> longer;
    for (const auto& [name, chosen] : items) {
      std::size_t i = 0;
      for (const auto& value : pair.second) {
        const auto text = value.IsScalar() ? python_text(value) : key + std::to_string(i);
        ++i;
        if (!text) return std::nullopt;
        longer.push_back(
            {name.empty() ? *text : name + "-" + *text, chosen.with({"item", key}, value)});
      }
    }
    items = std::move(longer);
  }
  for (TemplateItem& item : items) {
    item.values = item.values.with({"key"}, YAML::Node(item.name));
  }
  return items;
}

}  // namespace iris::dataset
