#include "dataset/dvc.hpp"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "dataset/table.hpp"
#include "dataset/template.hpp"
#include "dataset/workspace_path.hpp"
#include "dataset/yaml.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

// What dvc.yaml says about an output and dvc.lock does not repeat.
struct OutFlags {
  bool cache = true;
  bool push = true;
  std::string remote;
  bool operator==(const OutFlags&) const = default;
};

struct StageFlags {
  std::string wdir;
  std::map<std::string, OutFlags> outs;  // by path, in which "${...}" may stand for any text
  bool templated = false;                // a flag or wdir needs values that are not known here
};

// True when the text can be what the path becomes: "${...}" stands for any text.
bool can_become(std::string_view path, std::string_view text) {
  for (bool anywhere = false;; anywhere = true) {
    const auto begin = path.find(kTemplate);
    const auto end = begin == std::string_view::npos ? begin : path.find('}', begin);
    const std::string_view literal = path.substr(0, begin);
    if (end == std::string_view::npos) {
      return begin == end && (anywhere ? text.ends_with(literal) : text == literal);
    }
    // The first place leaves the most for what follows.
    const auto found = text.find(literal);
    if (found == std::string_view::npos || (!anywhere && found != 0)) return false;
    text.remove_prefix(found + literal.size());
    path.remove_prefix(end + 1);
  }
}

struct Match {
  bool found = false;
  bool certain = true;
  OutFlags flags;
};

// The flags that dvc.yaml gives to a path of dvc.lock. When templates with different flags
// match the path, the flags are uncertain.
Match match_out(const StageFlags& stage, const std::string& path) {
  if (const auto exact = stage.outs.find(path); exact != stage.outs.end()) {
    return {true, !stage.templated, exact->second};
  }
  Match match;
  for (const auto& [pattern, flags] : stage.outs) {
    if (pattern.find(kTemplate) == std::string::npos || !can_become(pattern, path)) continue;
    if (match.found && !(match.flags == flags)) match.certain = false;
    match.found = true;
    match.flags = flags;
  }
  match.certain = match.certain && !stage.templated;
  return match;
}

// True when the key is a flag of an output in dvc.yaml and in .dvc files alike.
bool read_out_flag(YamlReader& yaml, const std::string& key, const YAML::Node& value,
                   OutFlags& flags) {
  if (key == "cache") {
    flags.cache = yaml.flag(value);
  } else if (key == "push") {
    flags.push = yaml.flag(value);
  } else if (key == "remote") {
    flags.remote = yaml.text(value);
  } else {
    return false;
  }
  return true;
}

// The path of an output from the root. `base` is the folder, from the root, that it is relative to.
std::string out_path(YamlReader& yaml, const YAML::Node& node, const fs::path& base) {
  const std::string text = yaml.text(node);
  std::string path = (base / text).lexically_normal().generic_string();
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  std::string_view expected = refused_path(path);
  if (text.empty() || fs::path(text).is_absolute()) expected = "a path within the repository";
  if (expected.empty() && is_settings_file(path)) expected = "no file that DVC or git reads";
  // What is refused is an attack or a broken file, and not only what is not known here.
  if (!expected.empty()) yaml.fail_as(ExitCode::kInput, node, in_quotes(text), expected);
  return path;
}

// One item of `outs`; keeps it when it is cached and pushed.
void read_out(YamlReader& yaml, const YAML::Node& node, const std::string& named_by,
              const StageFlags* stage, const fs::path& base, const std::string& from,
              std::vector<DvcOut>& outs) {
  DvcOut out;
  out.named_by = named_by;
  OutFlags flags;
  std::string hash;
  bool cloud = false;
  YAML::Node digest;
  YAML::Node path;
  yaml.each(node, [&](const std::string& key, const YAML::Node& value) {
    if (key == "path") {
      path.reset(value);
    } else if (key == "md5") {
      digest.reset(value);
    } else if (key == "hash") {
      hash = yaml.text(value);
    } else if (key == "isexec") {
      out.executable = yaml.flag(value);
    } else if (key == "cloud" || key == "files") {
      cloud = true;
    } else {
      read_out_flag(yaml, key, value, flags);
    }
  });
  if (yaml.failed()) return;
  if (path.IsNull()) return yaml.fail(node, "an output without a path", "path:");
  bool certain = true;
  if (stage != nullptr) {
    const Match match = match_out(*stage, yaml.text(path));
    if (!match.found) return;
    flags = match.flags;
    certain = match.certain;
  }
  if (!flags.cache || !flags.push) return;
  out.path = out_path(yaml, path, base);
  out.remote = flags.remote;
  if (!certain) {
    out.skipped = "dvc.yaml computes its folder or flags; use 'dvc pull' or 'dvc push'";
  } else if (!from.empty()) {
    out.skipped = from;
  } else if (cloud) {
    out.skipped = "its cloud keeps its versions; use 'dvc pull'";
  } else if (digest.IsNull()) {
    out.skipped = "no digest is recorded; 'dvc commit' or 'dvc pull' records it";
  }
  if (!out.skipped.empty()) return outs.push_back(std::move(out));
  if (!hash.empty() && hash != "md5") {
    return yaml.fail(node, fmt::format("hash {}", in_quotes(hash)), "hash: md5");
  }
  out.dvc2 = hash.empty();
  out.md5 = yaml.text(digest);
  constexpr std::string_view kDirectorySuffix = ".dir";
  if (std::string_view(out.md5).ends_with(kDirectorySuffix)) {
    out.directory = true;
    out.md5.resize(out.md5.size() - kDirectorySuffix.size());
  }
  if (!is_md5(out.md5)) {
    return yaml.fail(digest, in_quotes(yaml.text(digest)), "an md5 digest of 32 digits");
  }
  outs.push_back(std::move(out));
}

// The files that `vars` names: each is read once, and all of them are bounded.
class ValueFiles {
 public:
  explicit ValueFiles(const DvcFileReader& read_file) : read_file_(read_file) {}

  // A map; nothing when it is none, or unknown.
  std::optional<YAML::Node> read(const fs::path& path) {
    const auto [known, added] = files_.try_emplace(path.generic_string());
    if (!added || !read_file_ || left_ == 0) return known->second;
    const auto text = read_file_(path);
    if (!text) return std::nullopt;
    if (text->size() > left_) {
      left_ = 0;
      return std::nullopt;
    }
    left_ -= text->size();
    const auto file = YamlReader::load(*text, path.string());
    if (file && file->IsMap()) known->second = *file;
    return known->second;
  }

 private:
  const DvcFileReader& read_file_;
  std::map<std::string, std::optional<YAML::Node>> files_;
  std::size_t left_ = limits::kValueBytes;
};

// Adds what the first files hold, and what `vars` names: maps, and files with a colon and keys.
void add_values(TemplateValues& values, const YAML::Node& vars, const fs::path& folder,
                ValueFiles& files, const std::vector<std::string>& first = {}) {
  const auto add_file = [&](const std::string& written) {
    const auto colon = written.find(':');
    const auto file = files.read((folder / written.substr(0, colon)).lexically_normal());
    if (!file) return;
    if (colon == std::string::npos) return values.merge(*file);
    for (std::size_t begin = colon + 1; begin < written.size();) {
      const std::size_t end = std::min(written.find(',', begin), written.size());
      const std::string key = written.substr(begin, end - begin);
      begin = end + 1;
      const YAML::Node value = std::as_const(*file)[key];
      if (value.IsDefined() && values.spend(1)) values.merge(key, value);
    }
  };
  for (const std::string& file : first) add_file(file);
  if (!vars.IsDefined() || !vars.IsSequence()) return;
  for (const auto& item : vars) {
    if (item.IsMap()) values.merge(item);
    if (item.IsScalar()) add_file(item.Scalar());
  }
}

// outs, metrics or plots of a stage: items are a path, or a path with its flags.
void read_stage_outs(YamlReader& yaml, const YAML::Node& list, const TemplateValues& values,
                     StageFlags& stage) {
  const auto resolved = [&](const std::string& text) {
    return values.resolve(text).value_or(text);
  };
  yaml.each_item(list, [&](const YAML::Node& item) {
    if (item.IsScalar()) stage.outs[resolved(item.Scalar())];
    if (!item.IsMap()) return;
    yaml.each(item, [&](const std::string& written, const YAML::Node& flags) {
      const std::string path = resolved(written);
      stage.outs[path];
      if (!flags.IsMap()) return;
      yaml.each(flags, [&](const std::string& key, const YAML::Node& value) {
        const bool matters = key == "cache" || key == "push" || key == "remote";
        if (!matters) return;
        const auto known = values.resolve_node(value);
        if (!known) {
          stage.templated = true;
        } else {
          read_out_flag(yaml, key, *known, stage.outs[path]);
        }
      });
    });
  });
}

void read_stage(YamlReader& yaml, const YAML::Node& definition, TemplateValues values,
                ValueFiles& files, StageFlags& stage) {
  if (!definition.IsDefined() || !definition.IsMap()) return;
  if (const YAML::Node wdir = definition["wdir"]; wdir.IsDefined()) {
    const auto known = values.resolve(yaml.text(wdir));
    stage.wdir = known.value_or("");
    stage.templated = !known;
  }
  add_values(values, definition["vars"], stage.wdir, files);
  yaml.each(definition, [&](const std::string& part, const YAML::Node& content) {
    if (part == "outs" || part == "metrics" || part == "plots") {
      read_stage_outs(yaml, content, values, stage);
    }
  });
}

// By name; those that a foreach or matrix makes are "stage@item". When its items are not known, the
// stage itself stands for all of them, with templates for what they have.
std::map<std::string, StageFlags> read_pipeline(YamlReader& yaml, const YAML::Node& root,
                                                const DvcFileReader& read_file) {
  std::map<std::string, StageFlags> stages;
  if (root.IsNull()) return stages;
  TemplateValues values;
  ValueFiles files(read_file);
  if (root.IsMap()) add_values(values, root["vars"], "", files, {"params.yaml"});
  yaml.each(root, [&](const std::string& key, const YAML::Node& value) {
    if (key != "stages") return;
    yaml.each(value, [&](const std::string& name, const YAML::Node& definition) {
      if (!definition.IsMap()) return yaml.fail(definition, "no map", "a stage");
      const YAML::Node list = definition["foreach"];
      const YAML::Node matrix = definition["matrix"];
      const bool generated = list.IsDefined() || matrix.IsDefined();
      const YAML::Node body = list.IsDefined() ? definition["do"] : definition;
      const auto items = list.IsDefined()     ? foreach_items(values, list)
                         : matrix.IsDefined() ? matrix_items(values, matrix)
                                              : std::nullopt;
      if (!items)
        return read_stage(yaml, body, generated ? TemplateValues() : values, files, stages[name]);
      for (const TemplateItem& item : *items) {
        read_stage(yaml, body, item.values, files, stages[name + "@" + item.name]);
      }
    });
  });
  return stages;
}

tl::unexpected<Error> not_understood(const Error& error) {
  return tl::unexpected(Error{ExitCode::kGate, error.message});
}

}  // namespace

bool DvcOut::wants(std::string_view file) const {
  return within.empty() || file == within ||
         (file.starts_with(within) && file.substr(within.size()).starts_with('/'));
}

bool is_md5(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<std::vector<DvcOut>> parse_dvc_file(const std::string& text, const std::string& name) {
  const auto root = YamlReader::load(text, name);
  if (!root) return not_understood(root.error());
  YamlReader yaml(name, ExitCode::kGate);
  std::string wdir;
  std::string from;
  YAML::Node list;
  if (root->IsNull()) return std::vector<DvcOut>{};
  yaml.each(*root, [&](const std::string& key, const YAML::Node& value) {
    if (key == "wdir") wdir = yaml.text(value);
    if (key == "outs") list.reset(value);
    if (key == "deps" && value.IsSequence()) {
      for (const auto& dep : value) {
        if (dep.IsMap() && dep["repo"].IsDefined()) {
          from = "it comes from the repository that 'dvc import' names; use 'dvc pull'";
        }
      }
    }
  });
  std::vector<DvcOut> outs;
  if (!list.IsNull()) {
    const fs::path base = fs::path(name).parent_path() / wdir;
    yaml.each_item(list, [&](const YAML::Node& item) {
      read_out(yaml, item, name, nullptr, base, from, outs);
    });
  }
  if (yaml.failed()) return tl::unexpected(yaml.error());
  return outs;
}

Result<std::vector<DvcOut>> parse_dvc_lock(const std::string& lock_text,
                                           const std::string& pipeline_text,
                                           const std::string& name,
                                           const DvcFileReader& read_file) {
  const std::string pipeline_name = (fs::path(name).parent_path() / "dvc.yaml").generic_string();
  const auto pipeline_root = YamlReader::load(pipeline_text, pipeline_name);
  if (!pipeline_root) return not_understood(pipeline_root.error());
  YamlReader pipeline(pipeline_name, ExitCode::kGate);
  const auto stages = read_pipeline(pipeline, *pipeline_root, read_file);
  if (pipeline.failed()) return tl::unexpected(pipeline.error());

  const auto root = YamlReader::load(lock_text, name);
  if (!root) return not_understood(root.error());
  YamlReader yaml(name, ExitCode::kGate);
  std::vector<DvcOut> outs;
  if (root->IsNull()) return outs;
  bool schema = false;
  yaml.each(*root, [&](const std::string& key, const YAML::Node& value) {
    if (key == "schema") schema = yaml.text(value) == "2.0";
    if (key != "stages") return;
    yaml.each(value, [&](const std::string& stage_name, const YAML::Node& stage) {
      // A stage made by foreach or matrix is called "name@item".
      auto found = stages.find(stage_name);
      if (found == stages.end()) found = stages.find(stage_name.substr(0, stage_name.rfind('@')));
      if (found == stages.end()) return;  // dvc.yaml has it no more
      const fs::path base = fs::path(name).parent_path() / found->second.wdir;
      yaml.each(stage, [&](const std::string& part, const YAML::Node& list) {
        if (part != "outs") return;
        yaml.each_item(list, [&](const YAML::Node& item) {
          read_out(yaml, item, name, &found->second, base, "", outs);
        });
      });
    });
  });
  if (!schema) yaml.fail(*root, "no schema", "schema: '2.0'");
  if (yaml.failed()) return tl::unexpected(yaml.error());
  return outs;
}

}  // namespace iris::dataset
