// Objects between DVC's cache and its remotes, several at a time, each verified.
//
//   Remotes remotes(*repository, options);
//   const auto errors = fetch_objects(*repository, remotes, objects, options);
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "dataset/dvc.hpp"
#include "dataset/object.hpp"
#include "remote/remote.hpp"

namespace iris::dataset {

// Who wants to know how far it is. Called from several threads.
class TransferWatcher {
 public:
  TransferWatcher() = default;
  TransferWatcher(const TransferWatcher&) = delete;
  TransferWatcher& operator=(const TransferWatcher&) = delete;
  virtual ~TransferWatcher() = default;

  virtual void objects_planned(std::size_t count) = 0;   // more of them
  virtual void bytes_expected(std::uint64_t bytes) = 0;  // more of them
  virtual void bytes_moved(std::int64_t bytes) = 0;      // less than 0: must be moved again
  virtual void object_done() = 0;
};

struct TransferOptions {
  std::size_t jobs = 16;  // objects at a time
  remote::RemoteOptions remote{};
  TransferWatcher* watcher = nullptr;  // may be null
};

// The remotes of a repository, each opened once, when it is first asked for.
class Remotes {
 public:
  Remotes(const DvcRepository& repository, const remote::RemoteOptions& options)
      : repository_(repository), options_(options) {}

  // `name` empty: the default remote. The error of opening is the same each time. One thread only.
  Result<remote::Remote*> open(const std::string& name);

 private:
  const DvcRepository& repository_;
  const remote::RemoteOptions& options_;
  std::map<std::string, Result<std::unique_ptr<remote::Remote>>> opened_;
};

// Ends a parallel work early: once one part failed because the environment lacks something, the
// others would only wait for the same failure.
class FirstOutage {
 public:
  // Runs the part, unless there was an outage; returns its error, or that of the outage.
  std::optional<Error> unless(const std::function<Result<void>()>& part);

 private:
  std::mutex mutex_;
  std::optional<Error> error_;
};

// Where an object is until it is whole: in the cache, whose file system it must be on.
std::filesystem::path partial_path(const DvcRepository& repository, const ObjectId& object);

struct WantedObject {
  ObjectId id;
  std::string remote;     // its name; empty: the default one
  std::string wanted_as;  // for messages: "a.txt of raw"
  std::string named_by;   // the DVC file that names it
};

// Brings each object into the cache, unless it is there; equal ones once. Returns, for each, the
// error if there was one. When a remote is out of reach, nothing more is tried.
std::vector<std::optional<Error>> fetch_objects(const DvcRepository& repository, Remotes& remotes,
                                                const std::vector<WantedObject>& objects,
                                                const TransferOptions& options);

}  // namespace iris::dataset
