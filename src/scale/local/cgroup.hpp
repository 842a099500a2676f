// Control groups, version 1 or 2: a group of this run (`iris-<pid>`) and one below it per replica,
// with the limits that the kubelet would set.
//
//   auto run = CgroupRun::create(files, read_cgroup_places(), ::getpid());
//   auto group = (*run)->add("iris-api-1", {.cpu_limit_milli = 500, .memory_limit_bytes = 1 <<
//   29}); Process::start({.argv = …, .join = group->join_files()}); group->usage();
//
// Groups are removed when their owner goes; what a killed run left behind, when the next one
// begins.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "scale/local/cgroup_files.hpp"

namespace iris::scale::local {

// Zero: not set.
struct CgroupLimits {
  std::int64_t cpu_request_milli = 0;
  std::int64_t cpu_limit_milli = 0;
  std::int64_t memory_limit_bytes = 0;
};

// Since the group was made.
struct CgroupUsage {
  std::uint64_t cpu_us = 0;
  std::uint64_t periods = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_us = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t oom_kills = 0;
};

// Where this process stands: one folder per controller on version 1, the same one on version 2.
struct CgroupPlaces {
  int version = 0;
  std::string cpu;
  std::string cpuacct;
  std::string memory;
  std::string root;  // of the version 2 hierarchy, as mounted here

  std::vector<std::string> folders() const;  // each once
};

// From the text of /proc/self/mountinfo and /proc/self/cgroup (proc(5), cgroups(7)). Fails when the
// cpu controller is mounted nowhere.
Result<CgroupPlaces> find_cgroup_places(const std::string& mountinfo, const std::string& self);
Result<CgroupPlaces> read_cgroup_places();

// One replica's group.
class Cgroup {
 public:
  Cgroup(const CgroupFiles& files, CgroupPlaces places)
      : files_(&files), places_(std::move(places)) {}
  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&&) = delete;
  ~Cgroup();

  // A process that writes its id into each is in the group.
  std::vector<std::string> join_files() const;
  Result<CgroupUsage> usage() const;

 private:
  friend class CgroupRun;
  Result<void> limit(const CgroupLimits& limits) const;

  const CgroupFiles* files_;
  CgroupPlaces places_;
};

// The run's own group.
class CgroupRun {
 public:
  // Removes what dead runs left, then makes the group. Where version 2 demands it (a group with
  // processes cannot limit its children), this process moves into a leaf of its own for the time of
  // the run. Fails with the command that gives a writable group when there is none.
  static Result<std::unique_ptr<CgroupRun>> create(const CgroupFiles& files,
                                                   const CgroupPlaces& here, pid_t pid,
                                                   const std::function<bool(pid_t)>& is_alive);
  CgroupRun(const CgroupRun&) = delete;
  CgroupRun& operator=(const CgroupRun&) = delete;
  ~CgroupRun();

  Result<Cgroup> add(const std::string& name, const CgroupLimits& limits) const;
  int version() const { return places_.version; }
  // How many groups of dead runs were removed at the start.
  int removed() const { return removed_; }

 private:
  explicit CgroupRun(const CgroupFiles& files) : files_(files) {}
  Result<void> open_version1(const CgroupPlaces& here, pid_t pid);
  Result<void> open_version2(const CgroupPlaces& here, pid_t pid);
  Result<void> make_below(const std::string& base, const std::string& name);

  const CgroupFiles& files_;
  CgroupPlaces places_;
  std::string moved_from_;  // version 2: where this process was before it moved into a leaf
  std::string leaf_;
  int removed_ = 0;
};

// False when there is no process of this id.
bool process_is_alive(pid_t pid);

}  // namespace iris::scale::local
