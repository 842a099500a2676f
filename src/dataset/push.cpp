#include "dataset/push.hpp"

#include <algorithm>
#include <map>
#include <system_error>
#include <utility>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/parallel.hpp"
#include "dataset/ignore.hpp"
#include "dataset/listing.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

// An object to be sent, and what became of it.
struct Sending {
  ObjectId object;
  fs::path in_folder;     // where the working folder has it; empty for a listing
  std::string wanted_as;  // for messages
  remote::Remote* remote;
  bool sent = false;
  std::uint64_t bytes = 0;
  std::optional<Error> error{};
};

struct OutPush {
  const DvcOut& out;
  remote::Remote* remote = nullptr;
  std::vector<Sending> files{};
  std::optional<Sending> listing{};
  PushResult result{};

  bool failed() const { return result.error.has_value(); }
  void fail(const Error& error) {
    if (!failed()) result.error = error;
  }
};

// The listing of a folder as it is now, without what DVC ignores; nothing when it cannot be read.
std::optional<std::string> listing_of(const fs::path& root, const fs::path& folder, bool dvc2) {
  IgnoreFiles ignored = dvc_ignore(root);
  std::vector<ListedFile> files;
  std::error_code code;
  fs::recursive_directory_iterator at(folder, code);
  for (; !code && at != fs::recursive_directory_iterator(); at.increment(code)) {
    if (!is_file(at->path()) || ignored.ignores(at->path(), false)) continue;
    auto md5 = digest_of_file(at->path().string(), dvc2);
    if (!md5 || files.size() == limits::kDirectoryFiles) return std::nullopt;
    files.push_back({at->path().lexically_relative(folder).generic_string(), std::move(*md5)});
  }
  if (code) return std::nullopt;
  return listing_text(std::move(files));
}

class Pusher {
 public:
  Pusher(const DvcRepository& repository, const std::vector<DvcOut>& outs,
         const TransferOptions& options)
      : repository_(repository), options_(options), remotes_(repository, options.remote) {
    for (const DvcOut& out : outs) plans_.push_back({out});
  }

  std::vector<PushResult> run() {
    for (OutPush& plan : plans_) prepare(plan);
    std::vector<Sending*> files;
    for (OutPush& plan : plans_) {
      for (Sending& file : plan.files) files.push_back(&file);
    }
    send_all(files);
    for (OutPush& plan : plans_) conclude(plan, plan.files);
    std::vector<Sending*> listings;
    for (OutPush& plan : plans_) {
      if (plan.listing && !plan.failed()) listings.push_back(&*plan.listing);
    }
    send_all(listings);
    std::vector<PushResult> results;
    for (OutPush& plan : plans_) {
      if (plan.listing && !plan.failed()) conclude(plan, {*plan.listing});
      results.push_back(std::move(plan.result));
    }
    return results;
  }

 private:
  void prepare(OutPush& plan) {
    const DvcOut& out = plan.out;
    const auto remote = remotes_.open(out.remote);
    if (!remote) return plan.fail(remote.error());
    plan.remote = *remote;
    const fs::path place = repository_.root / out.path;
    if (!out.directory) {
      plan.files.push_back(sending(plan, out.object(), place, out.path));
      return;
    }
    plan.listing = sending(plan, out.object(), {}, "the listing of " + out.path);
    const fs::path cached = repository_.cache / out.object().key();
    if (!file_matches(cached, out.object())) {
      const auto text = listing_of(repository_.root, place, out.dvc2);
      // Without it we cannot know the files: that the remote has all of them is all that can be
      // hoped.
      if (!text || md5_hex(*text) != out.md5) return;
      if (auto written = write_file(cached.string(), *text); !written) {
        return plan.fail(written.error());
      }
    }
    const auto text = read_file(cached.string(), limits::kDirectoryBytes);
    if (!text) return plan.fail(text.error());
    const auto files =
        parse_listing(*text, fmt::format("{} ({})", out.object().key(), out.named_by));
    if (!files) return plan.fail(files.error());
    // Without all files the listing stays here: its presence means that they are there.
    if (!out.within.empty()) plan.listing.reset();
    for (const ListedFile& file : *files) {
      if (!out.wants(file.path)) continue;
      plan.files.push_back(sending(plan, {file.md5, false, out.dvc2}, place / file.path,
                                   file.path + " of " + out.path));
    }
  }

  static Sending sending(const OutPush& plan, ObjectId object, fs::path place,
                         std::string wanted_as) {
    return {std::move(object), std::move(place),
            fmt::format("{}, which {} names", wanted_as, plan.out.named_by), plan.remote};
  }

  // Equal objects are sent once; the others share the outcome. When a remote is out of reach,
  // nothing more is tried.
  void send_all(const std::vector<Sending*>& all) {
    std::map<std::pair<remote::Remote*, ObjectId>, std::vector<Sending*>> equal;
    for (Sending* sending : all) equal[{sending->remote, sending->object}].push_back(sending);
    std::vector<std::vector<Sending*>*> groups;
    for (auto& [key, group] : equal) groups.push_back(&group);
    if (options_.watcher != nullptr) options_.watcher->objects_planned(groups.size());
    FirstOutage outage;
    for_each_parallel(groups.size(), options_.jobs, [&](std::size_t i) {
      Sending& first = *groups[i]->front();
      first.error = outage.unless([&] { return send(first); });
      if (options_.watcher != nullptr) options_.watcher->object_done();
      for (Sending* other : *groups[i]) other->error = first.error;
    });
  }

  Result<void> send(Sending& sending) {
    const std::string key = sending.object.key();
    const auto source = source_of(sending);
    const auto there = sending.remote->find(key);
    if (!there) return tl::unexpected(there.error());
    if (*there && (!source || is_same(**there, *source, sending.object))) return {};
    if (!source) {
      return input_error(
          "{}: found it neither in the cache nor unchanged in the working folder, nor has the "
          "remote an object {}; 'dvc commit' records a change, 'iris pull' fetches what others "
          "have",
          sending.wanted_as, sending.remote->place_of(key));
    }
    auto md5 = sending.object.dvc2 ? digest_of_file(source->string(), false)
                                   : Result<std::string>(sending.object.md5);
    if (!md5) return tl::unexpected(md5.error());
    std::error_code code;
    remote::Upload upload{.file = *source,
                          .bytes = fs::file_size(*source, code),
                          .md5 = *md5,
                          .session = partial_path(repository_, sending.object) += ".upload",
                          .on_bytes = {}};
    if (code) return input_error("{}: {}", source->string(), code.message());
    if (options_.watcher != nullptr) {
      options_.watcher->bytes_expected(upload.bytes);
      upload.on_bytes = [this](std::int64_t bytes) { options_.watcher->bytes_moved(bytes); };
    }
    if (auto put = sending.remote->put(key, upload); !put) return put;
    sending.sent = true;
    sending.bytes = upload.bytes;
    return {};
  }

  // A file with the object's content, verified.
  std::optional<fs::path> source_of(const Sending& sending) const {
    fs::path cached = repository_.cache / sending.object.key();
    if (file_matches(cached, sending.object)) return cached;
    if (!sending.in_folder.empty() && file_matches(sending.in_folder, sending.object)) {
      return sending.in_folder;
    }
    return std::nullopt;
  }

  static bool is_same(const remote::ObjectInfo& there, const fs::path& source,
                      const ObjectId& object) {
    std::error_code code;
    const bool same_size = !there.bytes || *there.bytes == fs::file_size(source, code);
    // DVC 2's digest is not always that of the content.
    return same_size && (there.md5.empty() || object.dvc2 || there.md5 == object.md5);
  }

  static void conclude(OutPush& plan, const std::vector<Sending>& sendings) {
    for (const Sending& sending : sendings) {
      if (sending.error) plan.fail(*sending.error);
      ++plan.result.objects;
      plan.result.sent += sending.sent ? 1 : 0;
      plan.result.bytes_sent += sending.bytes;
    }
  }

  const DvcRepository& repository_;
  const TransferOptions& options_;
  Remotes remotes_;
  std::vector<OutPush> plans_;
};

}  // namespace

std::vector<PushResult> push(const DvcRepository& repository, const std::vector<DvcOut>& outs,
                             const TransferOptions& options) {
  return Pusher(repository, outs, options).run();
}

}  // namespace iris::dataset
