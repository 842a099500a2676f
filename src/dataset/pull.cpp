#include "dataset/pull.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/limits.hpp"
#include "dataset/draft.hpp"
#include "dataset/table.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kObjectMode = 0444;  // as DVC protects its cache
constexpr mode_t kFileMode = 0666;
constexpr mode_t kProgramMode = 0777;

// DVC 3: files/md5/ab/cdef…; a directory's listing ends with ".dir".
fs::path object_path(const std::string& md5, bool listing) {
  return fs::path("files") / "md5" / md5.substr(0, 2) / (md5.substr(2) + (listing ? ".dir" : ""));
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::uint64_t size_of(const fs::path& path) {
  std::error_code ignored;
  const auto size = fs::file_size(path, ignored);
  return ignored ? 0 : size;
}

bool has_digest(const fs::path& path, const std::string& md5) {
  if (!is_file(path)) return false;
  const auto found = md5_hex_of_file(path.string());
  return found && *found == md5;
}

class Puller {
 public:
  Puller(const DvcRepository& repository, const DvcOut& out)
      : repository_(repository), out_(out), target_(repository.root / out.path) {}

  PullResult run() {
    auto done = out_.directory ? pull_directory() : pull_files({{"", out_.md5}});
    if (!done) result_.error = std::move(done.error());
    return std::move(result_);
  }

 private:
  Result<void> pull_directory() {
    const auto listing = ensure_object(out_.md5, true, "");
    if (!listing) return tl::unexpected(listing.error());
    const std::string name = object_path(out_.md5, true).string();
    const auto text = read_file(listing->string(), limits::kDirectoryBytes);
    if (!text) return tl::unexpected(text.error());
    const auto files = parse_listing(*text, fmt::format("{} ({})", name, out_.named_by));
    if (!files) return tl::unexpected(files.error());
    std::error_code code;
    if (fs::exists(target_, code) && !fs::is_directory(target_, code)) {
      return input_error("{}: found a file, expected a folder; move it away", out_.path);
    }
    if (auto done = pull_files(*files); !done) return done;
    fs::create_directories(target_, code);  // an empty directory has a listing too
    note_strangers(*files);
    return {};
  }

  // First every object is brought to the cache, then every file to its place.
  Result<void> pull_files(const std::vector<ListedFile>& files) {
    struct Move {
      fs::path object;
      fs::path target;
      std::string md5;
    };
    std::vector<Move> moves;
    result_.files = files.size();
    for (const ListedFile& file : files) {
      const fs::path target = file.path.empty() ? target_ : target_ / file.path;
      if (auto inside = check_inside(target); !inside) return inside;
      if (has_digest(target, file.md5)) {
        result_.bytes += size_of(target);
        if (auto kept = keep(target, file.md5); !kept) return kept;
        continue;
      }
      auto object = ensure_object(file.md5, false, file.path);
      if (!object) return tl::unexpected(object.error());
      result_.bytes += size_of(*object);
      moves.push_back({std::move(*object), target, file.md5});
    }
    for (const Move& move : moves) {
      if (auto placed = place(move.object, move.target, move.md5); !placed) return placed;
    }
    result_.fetched = !moves.empty();
    return {};
  }

  // The object's place in the cache, filled from the remote when the cache has no sound one.
  Result<fs::path> ensure_object(const std::string& md5, bool listing, const std::string& file) {
    const fs::path path = object_path(md5, listing);
    fs::path cached = repository_.cache / path;
    if (has_digest(cached, md5)) return cached;
    const auto remote = folder_of_remote(repository_, out_.remote);
    if (!remote) return tl::unexpected(remote.error());
    const fs::path source = *remote / path;
    const std::string named = (listing        ? "the listing of "
                               : file.empty() ? ""
                                              : file + " of ") +
                              out_.path;
    if (!is_file(source)) {
      return input_error(
          "{}: found no such object, expected {}, which {} names; where that file "
          "is, 'dvc push' sends it",
          source.string(), named, out_.named_by);
    }
    auto draft = Draft::copy_of(source, cached.parent_path());
    if (!draft) return tl::unexpected(draft.error());
    const auto found = md5_hex_of_file(draft->path());
    if (!found) return tl::unexpected(found.error());
    if (*found != md5) {
      return input_error(
          "{}: found an object with digest {}, expected {}, which {} names for {}; "
          "remove it and 'dvc push' it again",
          source.string(), *found, md5, out_.named_by, named);
    }
    if (auto done = draft->publish(cached, kObjectMode); !done) return tl::unexpected(done.error());
    return cached;
  }

  // Puts a file's content into the cache, unless it is there.
  Result<void> keep(const fs::path& file, const std::string& md5) {
    const fs::path cached = repository_.cache / object_path(md5, false);
    if (is_file(cached)) return {};
    auto draft = Draft::copy_of(file, cached.parent_path());
    if (!draft) return tl::unexpected(draft.error());
    // The file may have changed since its digest was taken.
    if (!has_digest(draft->path(), md5)) {
      return input_error("{}: found it changing while it was read", file.string());
    }
    return draft->publish(cached, kObjectMode);
  }

  Result<void> place(const fs::path& object, const fs::path& target, const std::string& md5) {
    std::error_code code;
    const std::string shown = target.lexically_relative(repository_.root).generic_string();
    if (fs::is_directory(target, code)) {
      return input_error("{}: found a folder, expected a file; move it away", shown);
    }
    if (is_file(target)) {
      const auto old = md5_hex_of_file(target.string());
      if (!old) return tl::unexpected(old.error());
      if (auto kept = keep(target, *old); !kept) return kept;
      const fs::path kept = repository_.cache / object_path(*old, false);
      result_.notes.push_back(fmt::format("{} differed; what it held is now in {}", shown,
                                          kept.lexically_proximate(repository_.root).string()));
    }
    auto draft = Draft::copy_of(object, target.parent_path());
    if (!draft) return tl::unexpected(draft.error());
    if (!has_digest(draft->path(), md5)) {
      return environment_error("{}: found other bytes than were written; is the disk sound?",
                               shown);
    }
    return draft->publish(target, out_.executable ? kProgramMode : kFileMode);
  }

  // A link in the working folder must not lead a write out of the repository.
  Result<void> check_inside(const fs::path& target) {
    fs::path parent = target.parent_path();
    if (parent == checked_parent_) return {};
    std::error_code code;
    const fs::path real = fs::weakly_canonical(parent, code);
    const fs::path relative = real.lexically_relative(repository_.root);
    if (code || relative.empty() || *relative.begin() == ".." || *relative.begin() == ".git" ||
        *relative.begin() == ".dvc") {
      return input_error(
          "{}: found a link that leads to {}, expected a folder within the repository", out_.path,
          real.string());
    }
    checked_parent_ = std::move(parent);
    return {};
  }

  void note_strangers(const std::vector<ListedFile>& files) {
    std::set<std::string> listed;
    for (const ListedFile& file : files) listed.insert(file.path);
    std::size_t strangers = 0;
    std::error_code code;
    for (fs::recursive_directory_iterator at(target_, code), end; !code && at != end;
         at.increment(code)) {
      std::error_code ignored;
      if (at->is_directory(ignored)) continue;
      if (listed.count(at->path().lexically_relative(target_).generic_string()) == 0) ++strangers;
    }
    if (strangers > 0) {
      result_.notes.push_back(fmt::format("{} holds {} file{} that {} does not name; left alone",
                                          out_.path, strangers, strangers == 1 ? "" : "s",
                                          out_.named_by));
    }
  }

  const DvcRepository& repository_;
  const DvcOut& out_;
  const fs::path target_;
  fs::path checked_parent_;
  PullResult result_;
};

bool stays_within(const std::string& path) {
  const fs::path parts(path);
  if (path.empty() || parts.is_absolute() || path.find('\0') != std::string::npos) return false;
  for (const fs::path& part : parts) {
    // An empty part is what a slash at the end leaves.
    if (part.empty() || part == "." || part == ".." || part == ".git") return false;
  }
  return true;
}

}  // namespace

Result<std::vector<ListedFile>> parse_listing(const std::string& text, const std::string& name) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) {
    return input_error("{}: found no JSON list, expected the files of a directory", name);
  }
  if (json.size() > limits::kDirectoryFiles) {
    return input_error("{}: found {} files, expected at most {}", name, json.size(),
                       limits::kDirectoryFiles);
  }
  std::vector<ListedFile> files;
  std::set<std::string_view> seen;
  files.reserve(json.size());  // so that `seen` may point into it
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto text_of = [&](const char* key) {
      const auto found = json[i].is_object() ? json[i].find(key) : json[i].end();
      return found != json[i].end() && found->is_string() ? found->get<std::string>() : "";
    };
    ListedFile file{text_of("relpath"), text_of("md5")};
    if (!stays_within(file.path)) {
      return input_error("{}: entry {}: found relpath {}, expected a path within the directory",
                         name, i, in_quotes(file.path));
    }
    if (!is_md5(file.md5)) {
      return input_error("{}: entry {}: found md5 {}, expected 32 digits", name, i,
                         in_quotes(file.md5));
    }
    files.push_back(std::move(file));
    if (!seen.insert(files.back().path).second) {
      return input_error("{}: entry {}: found {} again, expected each file once", name, i,
                         in_quotes(files.back().path));
    }
  }
  return files;
}

PullResult pull(const DvcRepository& repository, const DvcOut& out) {
  return Puller(repository, out).run();
}

}  // namespace iris::dataset
