// Reading small YAML files so that every complaint has its file, line and column. The first
// complaint is kept and later calls do nothing harmful, so that a reader is written straight down
// and asks once, at its end.
//
//   auto root = YamlReader::load(text, "schema.yaml");
//   YamlReader yaml("schema.yaml");
//   yaml.each(*root, [&](const std::string& key, const YAML::Node& value) {
//     if (key == "min") minimum = yaml.number(value);
//     else yaml.unknown_key(*root, key, "min");
//   });
//   if (yaml.failed()) return tl::unexpected(yaml.error());
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace iris::dataset {

class YamlReader {
 public:
  // Parses one document of at most kConfigBytes; `name` stands for the file in messages.
  static Result<YAML::Node> load(const std::string& text, const std::string& name);

  // `code` is that of the complaints.
  explicit YamlReader(std::string name, ExitCode code = ExitCode::kInput)
      : name_(std::move(name)), code_(code) {}

  bool failed() const { return error_.has_value(); }
  const Error& error() const { return *error_; }

  // The entries of a map in the file's order. A key that is no text or that comes twice is an
  // error.
  using Entry = std::function<void(const std::string& key, const YAML::Node& value)>;
  void each(const YAML::Node& map, const Entry& entry);
  // The items of a list.
  using Item = std::function<void(const YAML::Node& item)>;
  void each_item(const YAML::Node& list, const Item& item);

  std::string text(const YAML::Node& node);
  double number(const YAML::Node& node);
  // A number within [0, 1].
  double share(const YAML::Node& node);
  std::size_t count(const YAML::Node& node);
  bool flag(const YAML::Node& node);
  // The index of the text among the allowed ones.
  std::size_t one_of(const YAML::Node& node, const std::vector<std::string_view>& allowed);

  void unknown_key(const YAML::Node& map, std::string_view key, std::string_view expected);
  // Keeps "name:line:column: found …, expected …" unless there is a complaint already.
  void fail(const YAML::Node& node, std::string_view found, std::string_view expected);
  // As fail, with another code.
  void fail_as(ExitCode code, const YAML::Node& node, std::string_view found,
               std::string_view expected);

 private:
  std::string name_;
  ExitCode code_;
  std::optional<Error> error_;
};

}  // namespace iris::dataset
