#include "dataset/workspace_path.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <system_error>

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

// U+200C to U+200F, U+202A to U+202E, U+206A to U+206F and U+FEFF, in UTF-8 (git's utf8.c).
bool is_ignored_by_hfs(std::string_view three) {
  if (three == "\xef\xbb\xbf") return true;
  if (three.size() != 3 || three[0] != '\xe2') return false;
  const auto last = static_cast<unsigned char>(three[2]);
  if (three[1] == '\x80') return (last >= 0x8c && last <= 0x8f) || (last >= 0xaa && last <= 0xae);
  return three[1] == '\x81' && last >= 0xaa && last <= 0xaf;
}

// The name as the least careful file system would understand it.
std::string folded(std::string_view name) {
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_ignored_by_hfs(name.substr(i, 3))) {
      i += 2;
    } else {
      text += name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
    }
  }
  text = text.substr(0, text.find(':'));
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return text;
}

std::string_view refused_part(std::string_view name) {
  if (name.empty() || name == "." || name == "..") return "a path within the repository";
  if (name.find('\0') != std::string_view::npos) return "a path without a zero byte";
  if (name.find('\\') != std::string_view::npos) return "a path without a backslash";
  const std::string plain = folded(name);
  constexpr std::array<std::string_view, 4> kFolders{".git", "git~1", ".dvc", ".hg"};
  if (std::find(kFolders.begin(), kFolders.end(), plain) != kFolders.end()) {
    return "a path outside of the folders of git, DVC and Mercurial";
  }
  return {};
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

}  // namespace

std::string_view refused_path(std::string_view path) {
  if (path.empty() || path.front() == '/') return "a path within the repository";
  if (path.size() >= PATH_MAX) return "a path of less than 4,096 bytes";
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (const auto why = refused_part(path.substr(begin, end - begin)); !why.empty()) return why;
    begin = end + 1;
  }
  return {};
}

bool is_settings_file(std::string_view path) {
  const std::string name = folded(path.substr(path.rfind('/') + 1));  // npos + 1 is 0
  constexpr std::array<std::string_view, 6> kFiles{"dvc.yaml",   "dvc.lock",       ".dvcignore",
                                                   ".gitignore", ".gitattributes", ".gitmodules"};
  return name.ends_with(".dvc") || std::find(kFiles.begin(), kFiles.end(), name) != kFiles.end();
}

std::string_view refused_place(const fs::path& root, const fs::path& file) {
  std::error_code code;
  const fs::path real = fs::weakly_canonical(file.parent_path(), code);
  if (code) return "a folder within the repository";
  if (real == root) return {};
  return refused_path(real.lexically_relative(root).generic_string());
}

fs::path nested_repository(const fs::path& root, const std::set<fs::path>& files) {
  std::set<fs::path> folders;
  for (const fs::path& file : files) {
    for (fs::path at = file.parent_path(); at != root && at.has_relative_path();
         at = at.parent_path()) {
      if (!folders.insert(at).second) break;
    }
  }
  const auto has = [&](const fs::path& path) {
    return files.count(path) != 0 || folders.count(path) != 0 || is_there(path);
  };
  folders.insert(root);
  for (const fs::path& folder : folders) {
    if (!has(folder / "HEAD")) continue;
    if (has(folder / "commondir") || (has(folder / "objects") && has(folder / "refs"))) {
      return folder;
    }
  }
  return {};
}

}  // namespace iris::dataset
