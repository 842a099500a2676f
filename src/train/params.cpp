#include "train/params.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "dataset/yaml.hpp"

namespace iris::train {
namespace {

using dataset::YamlReader;

constexpr std::size_t kMostIterations = 1'000'000;

// Each key of a map that has a value. A map or a value of nothing is as if left out.
void each_given(YamlReader& yaml, const YAML::Node& map, const std::vector<std::string_view>& keys,
                const YamlReader::Entry& entry) {
  if (map.IsNull()) return;
  yaml.each(map, [&](const std::string& key, const YAML::Node& value) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      std::string known;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        known += i == 0 ? "" : i + 1 == keys.size() ? " or " : ", ";
        known += keys[i];
      }
      yaml.unknown_key(map, key, known);
    } else if (!value.IsNull()) {
      entry(key, value);
    }
  });
}

void read_data(YamlReader& yaml, const YAML::Node& map, Params::Data& data) {
  each_given(yaml, map, {"path", "target"}, [&](const std::string& key, const YAML::Node& value) {
    if (key == "path") {
      data.path = yaml.text(value);
    } else if (key == "target") {
      data.target = yaml.text(value);
    }
  });
}

double read_test_fraction(YamlReader& yaml, const YAML::Node& value) {
  const double fraction = yaml.number(value);
  if (!(fraction > 0 && fraction < 1)) {
    yaml.fail(value, fmt::format("{}", fraction), "a number between 0 and 1, without its ends");
  }
  return fraction;
}

std::uint32_t read_seed(YamlReader& yaml, const YAML::Node& value) {
  const std::size_t seed = yaml.count(value);
  if (seed > std::numeric_limits<std::uint32_t>::max()) {
    yaml.fail(value, fmt::format("{}", seed), "at most 4294967295, as numpy's seeds");
  }
  return static_cast<std::uint32_t>(seed);
}

void read_split(YamlReader& yaml, const YAML::Node& map, Params::Split& split) {
  each_given(yaml, map, {"test_fraction", "seed", "stratify"},
             [&](const std::string& key, const YAML::Node& value) {
               if (key == "test_fraction") {
                 split.test_fraction = read_test_fraction(yaml, value);
               } else if (key == "seed") {
                 split.seed = read_seed(yaml, value);
               } else if (key == "stratify") {
                 split.stratify = yaml.flag(value);
               }
             });
}

double read_inverse_regularization(YamlReader& yaml, const YAML::Node& value) {
  const double c = yaml.number(value);
  if (!(c > 0) || !std::isfinite(c)) yaml.fail(value, fmt::format("{}", c), "a number above 0");
  return c;
}

std::size_t read_max_iterations(YamlReader& yaml, const YAML::Node& value) {
  const std::size_t count = yaml.count(value);
  if (count == 0 || count > kMostIterations) {
    yaml.fail(value, fmt::format("{}", count), fmt::format("1 to {}", kMostIterations));
  }
  return count;
}

void read_model(YamlReader& yaml, const YAML::Node& map, Params::Model& model) {
  each_given(yaml, map, {"C", "max_iterations"},
             [&](const std::string& key, const YAML::Node& value) {
               if (key == "C") {
                 model.inverse_regularization = read_inverse_regularization(yaml, value);
               } else if (key == "max_iterations") {
                 model.max_iterations = read_max_iterations(yaml, value);
               }
             });
}

void read_evaluate(YamlReader& yaml, const YAML::Node& map, Params::Evaluate& evaluate) {
  each_given(yaml, map, {"min_accuracy", "max_accuracy_drop", "undecided", "labels", "baseline"},
             [&](const std::string& key, const YAML::Node& value) {
               if (key == "min_accuracy") {
                 evaluate.min_accuracy = yaml.share(value);
               } else if (key == "max_accuracy_drop") {
                 evaluate.max_accuracy_drop = yaml.share(value);
               } else if (key == "undecided") {
                 evaluate.undecided_fails = yaml.one_of(value, {"pass", "fail"}) == 1;
               } else if (key == "labels") {
                 yaml.each_item(value, [&](const YAML::Node& item) {
                   evaluate.labels.push_back(yaml.text(item));
                 });
               } else if (key == "baseline") {
                 evaluate.baseline = yaml.text(value);
               }
             });
}

}  // namespace

Result<Params> read_params(const std::string& path, bool may_be_absent) {
  std::error_code ignored;
  if (may_be_absent && !std::filesystem::exists(path, ignored)) return Params{};
  const auto text = read_file(path, limits::kConfigBytes);
  if (!text) return tl::unexpected(text.error());
  return parse_params(*text, path);
}

Result<Params> parse_params(const std::string& text, const std::string& name) {
  const auto root = YamlReader::load(text, name);
  if (!root) return tl::unexpected(root.error());
  Params params;
  YamlReader yaml(name);
  each_given(yaml, *root, {"data", "split", "model", "evaluate"},
             [&](const std::string& key, const YAML::Node& value) {
               if (key == "data") {
                 read_data(yaml, value, params.data);
               } else if (key == "split") {
                 read_split(yaml, value, params.split);
               } else if (key == "model") {
                 read_model(yaml, value, params.model);
               } else if (key == "evaluate") {
                 read_evaluate(yaml, value, params.evaluate);
               }
             });
  if (yaml.failed()) return tl::unexpected(yaml.error());
  return params;
}

std::string to_json(const Params& params) {
  const nlohmann::ordered_json json = {{"split",
                                        {{"test_fraction", params.split.test_fraction},
                                         {"seed", params.split.seed},
                                         {"stratify", params.split.stratify}}},
                                       {"model",
                                        {{"C", params.model.inverse_regularization},
                                         {"max_iterations", params.model.max_iterations}}}};
  return json.dump();
}

}  // namespace iris::train
