#include "dataset/yaml.hpp"

#include <cmath>
#include <set>

#include "base/limits.hpp"
#include "dataset/number.hpp"
#include "dataset/table.hpp"

namespace iris::dataset {
namespace {

std::string describe(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return in_quotes(node.Scalar());
    case YAML::NodeType::Map:
      return "a map";
    case YAML::NodeType::Sequence:
      return "a list";
    default:
      return "nothing";
  }
}

std::string place(const std::string& name, const YAML::Mark& mark) {
  if (mark.is_null()) return name;
  return fmt::format("{}:{}:{}", name, mark.line + 1, mark.column + 1);
}

}  // namespace

Result<YAML::Node> YamlReader::load(const std::string& text, const std::string& name) {
  if (text.size() > limits::kConfigBytes) {
    return input_error("{}: found {} bytes, expected at most {}", name, text.size(),
                       limits::kConfigBytes);
  }
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return input_error("{}: not YAML: {}", place(name, error.mark), error.msg);
  }
}

void YamlReader::each(const YAML::Node& map, const Entry& entry) {
  if (!map.IsMap()) return fail(map, describe(map), "a map");
  std::set<std::string> seen;
  for (const auto& pair : map) {
    if (failed()) return;
    if (!pair.first.IsScalar()) return fail(pair.first, describe(pair.first), "text as the key");
    const std::string key = pair.first.Scalar();
    if (!seen.insert(key).second) {
      return fail(pair.first, fmt::format("the key {} again", in_quotes(key)), "each key once");
    }
    entry(key, pair.second);
  }
}

void YamlReader::each_item(const YAML::Node& list, const Item& item) {
  if (!list.IsSequence()) return fail(list, describe(list), "a list");
  for (const auto& node : list) {
    if (failed()) return;
    item(node);
  }
}

std::string YamlReader::text(const YAML::Node& node) {
  if (!node.IsScalar()) {
    fail(node, describe(node), "text");
    return {};
  }
  return node.Scalar();
}

double YamlReader::number(const YAML::Node& node) {
  const auto value = node.IsScalar() ? parse_number(node.Scalar()) : std::nullopt;
  if (!value) fail(node, describe(node), "a number");
  return value.value_or(0);
}

double YamlReader::share(const YAML::Node& node) {
  const double value = number(node);
  if (value < 0 || value > 1) fail(node, describe(node), "a share from 0 to 1");
  return value;
}

std::size_t YamlReader::count(const YAML::Node& node) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: above, a double skips whole numbers
  const double value = number(node);
  if (value < 0 || value > kExact || value != std::floor(value)) {
    fail(node, describe(node), "a whole number");
    return 0;
  }
  return static_cast<std::size_t>(value);
}

bool YamlReader::flag(const YAML::Node& node) {
  // The spellings of YAML 1.2, which DVC's parser takes; "yes" is text.
  return one_of(node, {"false", "False", "FALSE", "true", "True", "TRUE"}) >= 3;
}

std::size_t YamlReader::one_of(const YAML::Node& node,
                               const std::vector<std::string_view>& allowed) {
  std::string list;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    if (node.IsScalar() && node.Scalar() == allowed[i]) return i;
    list += i == 0 ? "" : i + 1 == allowed.size() ? " or " : ", ";
    list += allowed[i];
  }
  fail(node, describe(node), list);
  return 0;
}

void YamlReader::unknown_key(const YAML::Node& map, std::string_view key,
                             std::string_view expected) {
  if (!map.IsMap()) return;
  for (const auto& pair : map) {
    if (pair.first.IsScalar() && pair.first.Scalar() == key) {
      return fail(pair.first, fmt::format("the key {}", in_quotes(key)), expected);
    }
  }
}

void YamlReader::fail(const YAML::Node& node, std::string_view found, std::string_view expected) {
  fail_as(code_, node, found, expected);
}

void YamlReader::fail_as(ExitCode code, const YAML::Node& node, std::string_view found,
                         std::string_view expected) {
  if (failed()) return;
  error_ = Error{
      code, fmt::format("{}: found {}, expected {}", place(name_, node.Mark()), found, expected)};
}

}  // namespace iris::dataset
