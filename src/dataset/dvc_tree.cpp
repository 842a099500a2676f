// Finding a DVC repository, the DVC files in it, and what a target stands for.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "dataset/dvc.hpp"
#include "dataset/ignore.hpp"
#include "dataset/workspace_path.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

bool is_dvc_file(const fs::path& path) {
  return path.extension() == ".dvc" && !path.stem().empty() && path.filename() != ".dvc";
}

std::string text_or_empty(const fs::path& file) {
  std::error_code missing;
  if (!fs::is_regular_file(file, missing)) return {};
  return read_file(file.string(), limits::kConfigBytes).value_or("");
}

// What git leaves out, in the repository that the folder is in. Nothing without one.
std::optional<IgnoreFiles> git_ignore(const fs::path& folder) {
  std::error_code code;
  fs::path root = folder;
  while (!fs::exists(root / ".git", code)) {
    if (root == root.parent_path()) return std::nullopt;
    root = root.parent_path();
  }
  const char* xdg = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  fs::path users;
  if (xdg != nullptr && *xdg != '\0') {
    users = xdg;
  } else if (home != nullptr) {
    users = fs::path(home) / ".config";
  }
  return IgnoreFiles(root, ".gitignore",
                     text_or_empty(users / "git" / "ignore") + "\n" +
                         text_or_empty(root / ".git" / "info" / "exclude"));
}

class DvcTree {
 public:
  explicit DvcTree(const DvcRepository& repository)
      : repository_(repository), dvc_(dvc_ignore(repository.root)) {
    if (repository.uses_git) git_ = git_ignore(repository.root);
  }

  DvcNames read() {
    walk(repository_.root);
    refuse_two_owners();
    return std::move(names_);
  }

 private:
  // The files of a folder come first: what they track is not looked into.
  void walk(const fs::path& folder) {
    std::vector<fs::path> files;
    std::vector<fs::path> folders;
    std::error_code code;
    fs::directory_iterator at(folder, fs::directory_options::skip_permission_denied, code);
    for (; !code && at != fs::directory_iterator(); at.increment(code)) {
      std::error_code ignored;
      if (at->is_directory(ignored)) {
        if (!at->is_symlink(ignored)) folders.push_back(at->path());
      } else if (at->is_regular_file(ignored) &&
                 (is_dvc_file(at->path()) || at->path().filename() == "dvc.yaml")) {
        files.push_back(at->path());
      }
    }
    if (code) fault(folder, {ExitCode::kInput, fmt::format("cannot list: {}", code.message())});
    std::sort(files.begin(), files.end());
    std::sort(folders.begin(), folders.end());
    for (const fs::path& file : files) {
      if (!is_ignored(file, false)) read_file_at(file);
    }
    for (const fs::path& below : folders) {
      std::error_code ignored;
      const bool own_repository = fs::is_directory(below / ".dvc", ignored);
      if (!own_repository && tracked_.count(shown(below)) == 0 && !is_ignored(below, true)) {
        walk(below);
      }
    }
  }

  bool is_ignored(const fs::path& path, bool folder) {
    return dvc_.ignores(path, folder) || (git_ && git_->ignores(path, folder));
  }

  std::string shown(const fs::path& path) const {
    return path.lexically_relative(repository_.root).generic_string();
  }

  void fault(const fs::path& file, Error error) {
    names_.faults.push_back({shown(file), std::move(error)});
  }

  void read_file_at(const fs::path& file) {
    const bool pipeline = !is_dvc_file(file);
    const fs::path named_by = pipeline ? file.parent_path() / "dvc.lock" : file;
    auto outs = pipeline ? read_lock(named_by, file) : read_dvc_file(file);
    if (!outs) return fault(named_by, outs.error());
    for (DvcOut& out : *outs) {
      tracked_.insert(out.path);
      names_.outs.push_back(std::move(out));
    }
  }

  Result<std::vector<DvcOut>> read_dvc_file(const fs::path& file) const {
    const auto text = read_file(file.string(), limits::kConfigBytes);
    if (!text) return tl::unexpected(text.error());
    return parse_dvc_file(*text, shown(file));
  }

  Result<std::vector<DvcOut>> read_lock(const fs::path& lock, const fs::path& pipeline) {
    std::error_code missing;
    if (!fs::exists(lock, missing) || dvc_.ignores(lock, false)) return std::vector<DvcOut>{};
    if (git_ && git_->ignores(lock, false)) {
      return tl::unexpected(
          Error{ExitCode::kGate,
                fmt::format("{}: git ignores it, and so does DVC refuse it", shown(lock))});
    }
    const auto text = read_file(lock.string(), limits::kConfigBytes);
    if (!text) return tl::unexpected(text.error());
    const auto pipeline_text = read_file(pipeline.string(), limits::kConfigBytes);
    if (!pipeline_text) return tl::unexpected(pipeline_text.error());
    const auto values_of = [&](const fs::path& relative) -> std::optional<std::string> {
      std::error_code unknown;
      const fs::path file = fs::weakly_canonical(pipeline.parent_path() / relative, unknown);
      const std::string path = shown(file);
      if (unknown || !refused_path(path).empty() || !fs::is_regular_file(file, unknown)) {
        return std::nullopt;
      }
      return text_or_empty(file);
    };
    return parse_dvc_lock(*text, *pipeline_text, shown(lock), values_of);
  }

  // An output with two owners has two digests: neither is taken.
  void refuse_two_owners() {
    auto& outs = names_.outs;
    std::stable_sort(outs.begin(), outs.end(),
                     [](const DvcOut& a, const DvcOut& b) { return a.path < b.path; });
    std::set<std::string> twice;
    for (std::size_t i = 1; i < outs.size(); ++i) {
      const DvcOut& first = outs[i - 1];
      const bool known = outs[i].skipped.empty() && first.skipped.empty();
      if (!known || outs[i].path != first.path) continue;
      twice.insert(first.path);
      blame(outs[i], first);
      blame(first, outs[i]);
    }
    std::erase_if(outs, [&](const DvcOut& out) { return twice.count(out.path) != 0; });
  }

  void blame(const DvcOut& out, const DvcOut& other) {
    names_.faults.push_back(
        {out.named_by,
         Error{ExitCode::kGate,
               fmt::format("{}: found the output {}, which {} names too, expected one owner",
                           out.named_by, out.path, other.named_by)}});
  }

  const DvcRepository& repository_;
  IgnoreFiles dvc_;
  std::optional<IgnoreFiles> git_;
  DvcNames names_;
  std::set<std::string> tracked_;
};

// The target from the root. Its last part may be a link into the cache, which is not followed.
std::string target_path(const fs::path& root, const fs::path& folder, const std::string& target) {
  std::error_code code;
  fs::path path = (fs::absolute(folder, code) / target).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // "data/"
  const std::string last = path.filename().string();
  if (last.empty() || last == "." || last == ".." || fs::is_directory(path, code)) {
    path = fs::weakly_canonical(path, code);
  } else {
    path = fs::weakly_canonical(path.parent_path(), code) / last;
  }
  return path.lexically_relative(root).generic_string();
}

bool is_below(const std::string& path, const std::string& folder) {
  return folder == "." || path.starts_with(folder + "/");
}

// dvc.yaml stands for the dvc.lock beside it.
bool names_file(const std::string& path, const std::string& named_by) {
  const fs::path file = named_by;
  return path == named_by ||
         (file.filename() == "dvc.lock" && fs::path(path) == file.parent_path() / "dvc.yaml");
}

}  // namespace

Result<DvcRepository> open_dvc_repository(const fs::path& folder) {
  std::error_code code;
  const fs::path start = fs::canonical(folder, code);
  if (code) return input_error("{}: {}", folder.string(), code.message());
  DvcRepository repository;
  for (repository.root = start; !fs::is_directory(repository.root / ".dvc", code);
       repository.root = repository.root.parent_path()) {
    if (repository.root == repository.root.parent_path()) {
      return input_error("{}: found no .dvc folder here or above, expected a DVC repository",
                         start.string());
    }
  }
  repository.cache = repository.root / ".dvc" / "cache";
  if (auto read = read_dvc_configs(repository); !read) return tl::unexpected(read.error());
  return repository;
}

DvcNames read_dvc_outs(const DvcRepository& repository) {
  return DvcTree(repository).read();
}

Result<DvcSelection> select_dvc_outs(const DvcRepository& repository, const DvcNames& names,
                                     const fs::path& folder, const std::string& target) {
  const std::string path = target_path(repository.root, folder, target);
  DvcSelection selected;
  for (const DvcOut& out : names.outs) {
    const bool within = out.directory && is_below(path, out.path);
    if (!within && out.path != path && !is_below(out.path, path) &&
        !names_file(path, out.named_by)) {
      continue;
    }
    selected.outs.push_back(out);
    if (within) selected.outs.back().within = path.substr(out.path.size() + 1);
  }
  for (const DvcFault& fault : names.faults) {
    if (names_file(path, fault.named_by) || is_below(fault.named_by, path) ||
        fault.named_by == path + ".dvc") {
      selected.faults.push_back(fault);
    }
  }
  if (!selected.outs.empty() || !selected.faults.empty()) return selected;
  std::string known;
  for (const DvcOut& out : names.outs) known += (known.empty() ? "" : ", ") + out.path;
  return input_error(
      "{}: found no output that it stands for, expected a .dvc file, dvc.lock, or {}", target,
      known.empty() ? "an output (there are none)" : "one of " + known);
}

}  // namespace iris::dataset
