// Which paths .dvcignore or .gitignore leave out: gitignore(5)'s patterns, of the files in every
// folder from the root to the path. The last pattern that matches decides, and nothing within a
// folder that is left out can be taken in again.
//
//   IgnoreFiles ignored(root, ".dvcignore", ".git/\n.dvc/\n");
//   if (ignored.ignores(root / "data", true)) …
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace iris::dataset {

struct IgnoreRule {
  std::vector<std::string> parts{};  // between slashes; "**" stands for any number of folders
  bool negated = false;
  bool folders_only = false;
};

std::vector<IgnoreRule> parse_ignore_rules(std::string_view text);
// `parts` are those of a path from the folder that the rule's file is in.
bool rule_matches(const IgnoreRule& rule, std::span<const std::string> parts, bool folder);

class IgnoreFiles {
 public:
  // `file_name` is looked for in each folder; `first` are rules that all others come after.
  IgnoreFiles(std::filesystem::path root, std::string file_name, std::string_view first);

  // False for the root and for what is not within it.
  bool ignores(const std::filesystem::path& path, bool folder);

 private:
  const std::vector<IgnoreRule>& rules_of(const std::string& folder);
  // Whether a rule names it, whatever becomes of the folders above.
  bool ignores_itself(std::span<const std::string> parts, bool folder);

  std::filesystem::path root_;
  std::string file_name_;
  std::vector<IgnoreRule> first_;
  std::map<std::string, std::vector<IgnoreRule>> rules_;  // by folder
  std::map<std::string, bool> verdicts_;                  // of folders
};

// What DVC leaves out of a repository.
IgnoreFiles dvc_ignore(const std::filesystem::path& root);

}  // namespace iris::dataset
