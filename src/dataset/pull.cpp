#include "dataset/pull.hpp"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/parallel.hpp"
#include "dataset/draft.hpp"
#include "dataset/ignore.hpp"
#include "dataset/link.hpp"
#include "dataset/listing.hpp"
#include "dataset/workspace_path.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

std::uint64_t size_of(const fs::path& path) {
  std::error_code ignored;
  const auto size = fs::file_size(path, ignored);
  return ignored ? 0 : size;
}

// A file of an output, and what became of it.
struct File {
  ObjectId object{};
  fs::path target{};
  std::string shown{};      // the target from the repository's root
  std::string wanted_as{};  // for messages: "a.txt of raw"
  bool matches = false;     // it is in its place already
  std::string note{};       // what the user should know
  std::optional<Error> error{};
};

struct OutPull {
  const DvcOut& out;
  std::vector<File> files{};
  PullResult result{};

  bool failed() const { return result.error.has_value(); }
  void fail(const Error& error) {
    if (!failed()) result.error = error;
  }
};

class Puller {
 public:
  Puller(const DvcRepository& repository, const std::vector<DvcOut>& outs,
         const TransferOptions& options)
      : repository_(repository), options_(options), remotes_(repository, options.remote) {
    for (const DvcOut& out : outs) plans_.push_back({out});
  }

  std::vector<PullResult> run() {
    fetch_listings();
    for (OutPull& plan : plans_) {
      if (!plan.failed()) list_files(plan);
    }
    refuse_nested_repositories();
    each_file([&](const OutPull&, File& file) { compare(file); });
    fetch_files();
    each_file([&](const OutPull& plan, File& file) {
      if (!plan.failed() && !file.error && !file.matches) file.error = place(plan.out, file);
    });
    std::vector<PullResult> results;
    for (OutPull& plan : plans_) {
      conclude(plan);
      results.push_back(std::move(plan.result));
    }
    return results;
  }

 private:
  using Work = std::function<void(const OutPull&, File&)>;

  // Works on all files of all outputs, several at a time.
  void each_file(const Work& work) {
    std::vector<std::pair<OutPull*, File*>> all;
    for (OutPull& plan : plans_) {
      for (File& file : plan.files) all.emplace_back(&plan, &file);
    }
    for_each_parallel(all.size(), options_.jobs,
                      [&](std::size_t i) { work(*all[i].first, *all[i].second); });
    for (OutPull& plan : plans_) {
      for (const File& file : plan.files) {
        if (file.error) plan.fail(*file.error);
      }
    }
  }

  void fetch_listings() {
    std::vector<WantedObject> wanted;
    std::vector<OutPull*> owners;
    for (OutPull& plan : plans_) {
      if (!plan.out.directory) continue;
      wanted.push_back({plan.out.object(), plan.out.remote, "the listing of " + plan.out.path,
                        plan.out.named_by});
      owners.push_back(&plan);
    }
    const auto errors = fetch_objects(repository_, remotes_, wanted, options_);
    for (std::size_t i = 0; i < errors.size(); ++i) {
      if (errors[i]) owners[i]->fail(*errors[i]);
    }
  }

  void list_files(OutPull& plan) {
    const DvcOut& out = plan.out;
    const fs::path target = repository_.root / out.path;
    const auto add = [&](const std::string& md5, const fs::path& path, const std::string& name) {
      File file;  // member by member, which gcc 12 does not warn of when it optimises
      file.object.md5 = md5;
      file.object.dvc2 = out.dvc2;
      file.target = path;
      file.shown = path.lexically_relative(repository_.root).generic_string();
      file.wanted_as = name;
      plan.files.push_back(std::move(file));
    };
    if (!out.directory) {
      add(out.md5, target, out.path);
    } else {
      std::error_code code;
      if (fs::exists(target, code) && !fs::is_directory(target, code)) {
        return plan.fail(
            {ExitCode::kInput,
             fmt::format("{}: found a file, expected a folder; move it away", out.path)});
      }
      const std::string key = out.object().key();
      const auto text = read_file((repository_.cache / key).string(), limits::kDirectoryBytes);
      if (!text) return plan.fail(text.error());
      const auto files = parse_listing(*text, fmt::format("{} ({})", key, out.named_by));
      if (!files) return plan.fail(files.error());
      for (const ListedFile& file : *files) {
        if (!out.wants(file.path)) continue;
        add(file.md5, target / file.path, file.path + " of " + out.path);
      }
    }
    if (plan.files.empty() && !out.within.empty()) {
      return plan.fail({ExitCode::kInput, fmt::format("found no {} in the listing of {}, which {} "
                                                      "names",
                                                      out.within, out.path, out.named_by)});
    }
    plan.result.files = plan.files.size();
    // The folder itself may be a link, and an empty one has no files to be checked.
    if (auto inside = check_inside(out, target / "any"); out.directory && !inside) {
      return plan.fail(inside.error());
    }
    std::set<fs::path> parents;
    for (const File& file : plan.files) {
      if (!parents.insert(file.target.parent_path()).second) continue;
      if (auto inside = check_inside(out, file.target); !inside) return plan.fail(inside.error());
    }
  }

  // Files that are harmless one by one may be a repository together, whose configuration git would
  // read in its folder.
  void refuse_nested_repositories() {
    std::set<fs::path> targets;
    for (const OutPull& plan : plans_) {
      for (const File& file : plan.files) targets.insert(file.target);
    }
    const fs::path folder = nested_repository(repository_.root, targets);
    if (folder.empty()) return;
    const std::string shown = folder.lexically_relative(repository_.root).generic_string();
    for (OutPull& plan : plans_) {
      const bool within = std::any_of(plan.files.begin(), plan.files.end(), [&](const File& file) {
        const fs::path relative = file.target.lexically_relative(folder);
        return !relative.empty() && *relative.begin() != "..";
      });
      if (!within) continue;
      plan.fail({ExitCode::kInput,
                 fmt::format("{}: found files that make {} a git repository (HEAD, objects, refs), "
                             "expected none within this one",
                             plan.out.path, shown)});
    }
  }

  void compare(File& file) {
    file.matches = file_matches(file.target, file.object);
    if (!file.matches) return;
    if (is_file(repository_.cache / file.object.key())) return;
    if (auto kept = keep(file.target, file.object); !kept) file.error = kept.error();
  }

  void fetch_files() {
    std::vector<WantedObject> wanted;
    std::vector<File*> owners;
    for (OutPull& plan : plans_) {
      for (File& file : plan.files) {
        if (plan.failed() || file.matches) continue;
        wanted.push_back({file.object, plan.out.remote, file.wanted_as, plan.out.named_by});
        owners.push_back(&file);
      }
    }
    const auto errors = fetch_objects(repository_, remotes_, wanted, options_);
    for (std::size_t i = 0; i < errors.size(); ++i) owners[i]->error = errors[i];
    each_file([](const OutPull&, File&) {});  // an error of a file is one of its output
  }

  // Puts a file's content into the cache, unless it is there.
  Result<void> keep(const fs::path& file, const ObjectId& object) {
    const fs::path cached = repository_.cache / object.key();
    const auto known = object_matches(repository_.cache, object);
    if (!known) return tl::unexpected(known.error());
    if (*known) return {};
    auto draft = Draft::copy_of(file, cached.parent_path());
    if (!draft) return tl::unexpected(draft.error());
    // The file may have changed since its digest was taken.
    if (draft->md5() != object.md5 && !file_matches(draft->path(), object)) {
      return input_error("{}: found it changing while it was read", file.string());
    }
    return draft->publish(cached, kObjectMode);
  }

  std::optional<Error> place(const DvcOut& out, File& file) {
    std::error_code code;
    if (fs::is_directory(file.target, code)) {
      return Error{ExitCode::kInput,
                   fmt::format("{}: found a folder, expected a file; move it away", file.shown)};
    }
    if (is_settings_file(file.shown) && fs::exists(fs::symlink_status(file.target, code))) {
      return Error{ExitCode::kInput,
                   fmt::format("{}: found another one there, expected none: pull replaces no file "
                               "that DVC or git reads as a setting; move it away",
                               file.shown)};
    }
    if (is_file(file.target)) {
      const auto old = digest_of_file(file.target.string(), false);
      if (!old) return old.error();
      const ObjectId was{*old, false, false};
      if (auto kept = keep(file.target, was); !kept) return kept.error();
      const fs::path kept = repository_.cache / was.key();
      file.note = fmt::format("{} differed; what it held is now in {}", file.shown,
                              kept.lexically_proximate(repository_.root).string());
    }
    // The object was verified in this run, when it came or when it was found in the cache.
    const auto linked = link_object(repository_.cache / file.object.key(), file.target,
                                    repository_.cache_types, out.executable);
    if (!linked) return linked.error();
    return std::nullopt;
  }

  // A link in the working folder must not lead a write out of the repository.
  Result<void> check_inside(const DvcOut& out, const fs::path& target) {
    if (const auto expected = refused_place(repository_.root, target); !expected.empty()) {
      std::error_code ignored;
      return input_error("{}: found a link that leads to {}, expected {}", out.path,
                         fs::weakly_canonical(target.parent_path(), ignored).string(), expected);
    }
    return {};
  }

  void conclude(OutPull& plan) {
    PullResult& result = plan.result;
    for (const File& file : plan.files) {
      if (!file.note.empty()) result.notes.push_back(file.note);
      if (plan.failed()) continue;
      result.fetched = result.fetched || !file.matches;
      result.bytes += size_of(file.target);
    }
    if (plan.failed() || !plan.out.directory || !plan.out.within.empty()) return;
    std::error_code code;
    fs::create_directories(repository_.root / plan.out.path, code);  // an empty one has no files
    note_strangers(plan);
  }

  void note_strangers(OutPull& plan) {
    const fs::path target = repository_.root / plan.out.path;
    std::set<fs::path> listed;
    for (const File& file : plan.files) listed.insert(file.target);
    IgnoreFiles ignored = dvc_ignore(repository_.root);
    std::size_t strangers = 0;
    std::error_code code;
    for (fs::recursive_directory_iterator at(target, code), end; !code && at != end;
         at.increment(code)) {
      std::error_code unknown;
      if (at->is_directory(unknown) || ignored.ignores(at->path(), false)) continue;
      if (listed.count(at->path()) == 0) ++strangers;
    }
    if (strangers > 0) {
      plan.result.notes.push_back(
          fmt::format("{} holds {} file{} that {} does not name; left alone", plan.out.path,
                      strangers, strangers == 1 ? "" : "s", plan.out.named_by));
    }
  }

  const DvcRepository& repository_;
  const TransferOptions& options_;
  Remotes remotes_;
  std::vector<OutPull> plans_;
};

}  // namespace

std::vector<PullResult> pull(const DvcRepository& repository, const std::vector<DvcOut>& outs,
                             const TransferOptions& options) {
  return Puller(repository, outs, options).run();
}

}  // namespace iris::dataset
