#include "dataset/transfer.hpp"

#include <utility>

#include "base/parallel.hpp"
#include "dataset/table.hpp"
#include "remote/partial_file.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

class Fetcher {
 public:
  Fetcher(const DvcRepository& repository, TransferWatcher* watcher)
      : repository_(repository), watcher_(watcher) {}

  Result<void> fetch(const WantedObject& object, remote::Remote& remote) {
    const fs::path cached = repository_.cache / object.id.key();
    while (true) {
      auto file = remote::PartialFile::open(partial_path(repository_, object.id), watch());
      if (!file) return tl::unexpected(file.error());
      // Another process may have brought it while we waited for the file.
      const auto known = object_matches(repository_.cache, object.id);
      if (!known) return tl::unexpected(known.error());
      if (*known) {
        (*file)->discard();
        return {};
      }
      const auto found = remote.get(object.id.key(), **file);
      if (!found) return tl::unexpected(found.error());
      if (!*found) {
        (*file)->discard();
        return missing(object, remote);
      }
      const auto digest = digest_of(**file, object.id);
      if (!digest) return tl::unexpected(digest.error());
      if (*digest == object.id.md5) return (*file)->publish(cached, kObjectMode);
      const bool continued = (*file)->found_bytes() > 0;
      (*file)->discard();
      if (!continued) return broken(object, remote, *digest);
      // What an earlier run had left may be what is wrong: once more from the beginning.
    }
  }

 private:
  remote::PartialFile::Watcher watch() {
    if (watcher_ == nullptr) return {};
    return {.on_bytes = [this](std::int64_t bytes) { watcher_->bytes_moved(bytes); },
            .on_expect = [this](std::uint64_t bytes) { watcher_->bytes_expected(bytes); }};
  }

  static Result<std::string> digest_of(remote::PartialFile& file, const ObjectId& object) {
    auto md5 = file.md5();
    if (!md5 || !object.dvc2 || *md5 == object.md5) return md5;
    return digest_of_file(file.path().string(), true);
  }

  static tl::unexpected<Error> missing(const WantedObject& object, const remote::Remote& remote) {
    return input_error(
        "{}: found no such object, expected {}, which {} names; where that file is, 'iris push' or "
        "'dvc push' sends it",
        remote.place_of(object.id.key()), object.wanted_as, object.named_by);
  }

  static tl::unexpected<Error> broken(const WantedObject& object, const remote::Remote& remote,
                                      const std::string& digest) {
    return input_error(
        "{}: found an object with digest {}, expected {}, which {} names for {}; remove it and "
        "'iris push' or 'dvc push' it again",
        remote.place_of(object.id.key()), digest, object.id.md5, object.named_by, object.wanted_as);
  }

  const DvcRepository& repository_;
  TransferWatcher* watcher_;
};

}  // namespace

fs::path partial_path(const DvcRepository& repository, const ObjectId& object) {
  std::string name = object.key();
  for (char& c : name) {
    if (c == '/') c = '-';
  }
  return repository.cache / "partial" / name;
}

std::optional<Error> FirstOutage::unless(const std::function<Result<void>()>& part) {
  {
    const std::lock_guard lock(mutex_);
    if (error_) return error_;
  }
  const auto done = part();
  if (done) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (!error_ && done.error().code == ExitCode::kEnvironment) error_ = done.error();
  return done.error();
}

Result<remote::Remote*> Remotes::open(const std::string& name) {
  auto found = opened_.find(name);
  if (found == opened_.end()) {
    found = opened_.emplace(name, open_dvc_remote(repository_, name, options_)).first;
  }
  if (!found->second) return tl::unexpected(found->second.error());
  return found->second->get();
}

std::vector<std::optional<Error>> fetch_objects(const DvcRepository& repository, Remotes& remotes,
                                                const std::vector<WantedObject>& objects,
                                                const TransferOptions& options) {
  std::vector<std::optional<Error>> errors(objects.size());
  // Equal objects are fetched once; the others share the outcome.
  std::map<std::pair<ObjectId, std::string>, std::size_t> first;
  const auto same = [&](std::size_t i) { return std::pair(objects[i].id, objects[i].remote); };
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (first.emplace(same(i), i).second) chosen.push_back(i);
  }
  std::vector<char> is_cached(objects.size());
  for_each_parallel(chosen.size(), options.jobs, [&](std::size_t n) {
    const ObjectId& id = objects[chosen[n]].id;
    is_cached[chosen[n]] = object_matches(repository.cache, id).value_or(false);
  });
  std::erase_if(chosen, [&](std::size_t i) { return is_cached[i] != 0; });

  struct Job {
    std::size_t index;
    remote::Remote* remote;
  };
  std::vector<Job> jobs;
  for (const std::size_t i : chosen) {
    const auto remote = remotes.open(objects[i].remote);
    if (remote) {
      jobs.push_back({i, *remote});
    } else {
      errors[i] = remote.error();
    }
  }
  if (options.watcher != nullptr) options.watcher->objects_planned(jobs.size());
  Fetcher fetcher(repository, options.watcher);
  FirstOutage outage;
  for_each_parallel(jobs.size(), options.jobs, [&](std::size_t n) {
    const Job& job = jobs[n];
    errors[job.index] =
        outage.unless([&] { return fetcher.fetch(objects[job.index], *job.remote); });
    if (options.watcher != nullptr) options.watcher->object_done();
  });
  std::error_code not_empty;
  fs::remove(repository.cache / "partial", not_empty);
  for (std::size_t i = 0; i < objects.size(); ++i) errors[i] = errors[first.at(same(i))];
  return errors;
}

}  // namespace iris::dataset
