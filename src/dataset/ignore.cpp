#include "dataset/ignore.hpp"

#include <algorithm>
#include <climits>
#include <optional>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAnyFolders = "**";

// The length of the bracket expression that the pattern begins with, and whether it holds `c`.
// Nothing when it does not end.
std::optional<std::pair<std::size_t, bool>> match_bracket(std::string_view pattern, char c) {
  std::size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  bool holds = false;
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) return std::pair(at + 1, holds != negated);
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    const char low = pattern[at++];
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      high = pattern[at + 1];
      at += 2;
    }
    holds = holds || (low <= c && c <= high);
  }
  return std::nullopt;
}

// How much of the pattern stands for the character; 0 when it does not.
std::size_t match_one(std::string_view pattern, char c) {
  if (pattern.empty()) return 0;
  if (pattern.front() == '?') return 1;
  if (pattern.front() == '[') {
    if (const auto bracket = match_bracket(pattern, c)) return bracket->second ? bracket->first : 0;
  }
  if (pattern.front() == '\\' && pattern.size() > 1) return pattern[1] == c ? 2 : 0;
  return pattern.front() == c ? 1 : 0;
}

// One name and one pattern without slashes. Only the last star is taken back, which is enough, so
// that no pattern takes long.
bool match_name(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::optional<std::size_t> star;
  std::size_t star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_name = n;
    } else if (const std::size_t taken = match_one(pattern.substr(p), name[n]); taken > 0) {
      p += taken;
      ++n;
    } else if (star) {
      p = *star;
      n = ++star_name;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    if (end > begin) parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Without the blanks at the end, of which a backslash keeps one.
std::string_view without_trailing_blanks(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
    if (line.size() > 1 && line[line.size() - 2] == '\\' && line.back() == ' ') break;
    line.remove_suffix(1);
  }
  return line;
}

}  // namespace

std::vector<IgnoreRule> parse_ignore_rules(std::string_view text) {
  std::vector<IgnoreRule> rules;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = without_trailing_blanks(text.substr(begin, end - begin));
    begin = end + 1;
    if (line.empty() || line.front() == '#' || line.size() > PATH_MAX) continue;
    IgnoreRule rule;
    if (line.front() == '!') {
      rule.negated = true;
      line.remove_prefix(1);
    }
    rule.folders_only = line.ends_with('/');
    if (rule.folders_only) line.remove_suffix(1);
    if (line.find('/') == std::string_view::npos) rule.parts.emplace_back(kAnyFolders);
    auto parts = split(line);
    if (parts.empty()) continue;
    std::move(parts.begin(), parts.end(), std::back_inserter(rule.parts));
    rules.push_back(std::move(rule));
  }
  return rules;
}

bool rule_matches(const IgnoreRule& rule, std::span<const std::string> parts, bool folder) {
  if (rule.folders_only && !folder) return false;
  std::size_t r = 0;
  std::size_t p = 0;
  std::optional<std::size_t> star;
  std::size_t star_part = 0;
  while (p < parts.size()) {
    if (r < rule.parts.size() && rule.parts[r] == kAnyFolders) {
      if (r + 1 == rule.parts.size()) return true;  // everything within
      star = ++r;
      star_part = p;
    } else if (r < rule.parts.size() && match_name(rule.parts[r], parts[p])) {
      ++r;
      ++p;
    } else if (star) {
      r = *star;
      p = ++star_part;
    } else {
      return false;
    }
  }
  return r == rule.parts.size();
}

IgnoreFiles::IgnoreFiles(fs::path root, std::string file_name, std::string_view first)
    : root_(std::move(root)), file_name_(std::move(file_name)), first_(parse_ignore_rules(first)) {}

const std::vector<IgnoreRule>& IgnoreFiles::rules_of(const std::string& folder) {
  const auto known = rules_.find(folder);
  if (known != rules_.end()) return known->second;
  std::vector<IgnoreRule> rules;
  if (folder == root_) rules = first_;
  const fs::path file = fs::path(folder) / file_name_;
  std::error_code missing;
  if (fs::is_regular_file(file, missing)) {
    auto more = parse_ignore_rules(read_file(file.string(), limits::kConfigBytes).value_or(""));
    std::move(more.begin(), more.end(), std::back_inserter(rules));
  }
  return rules_.emplace(folder, std::move(rules)).first->second;
}

IgnoreFiles dvc_ignore(const fs::path& root) {
  return {root, ".dvcignore", ".hg/\n.git/\n.git\n.dvc/\n"};
}

bool IgnoreFiles::ignores(const fs::path& path, bool folder) {
  const auto parts = split(path.lexically_relative(root_).generic_string());
  if (parts.empty() || parts.front() == ".." || parts.front() == ".") return false;
  for (std::size_t size = 1; size <= parts.size(); ++size) {
    if (ignores_itself(std::span(parts).first(size), folder || size < parts.size())) return true;
  }
  return false;
}

bool IgnoreFiles::ignores_itself(std::span<const std::string> parts, bool folder) {
  std::string below;
  for (const std::string& part : parts) below += "/" + part;
  const auto known = verdicts_.find(below);
  if (known != verdicts_.end()) return known->second;
  bool ignored = false;
  std::string above = root_.string();
  for (std::size_t depth = 0; depth < parts.size(); ++depth) {
    for (const IgnoreRule& rule : rules_of(above)) {
      if (rule.negated == ignored && rule_matches(rule, parts.subspan(depth), folder)) {
        ignored = !rule.negated;
      }
    }
    above += "/" + parts[depth];
  }
  if (folder) verdicts_.emplace(std::move(below), ignored);
  return ignored;
}

}  // namespace iris::dataset
