// The CPU and memory limits that this process runs under: control groups of version 1 and 2,
// wherever they are mounted, as containers and systemd set them (cgroups(7), proc(5)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace iris {

// The tightest CPU limit of the process's control group and the groups above it, in CPUs (0.5: half
// of one); none when there is no limit. `proc` is the process's folder in /proc.
std::optional<double> cgroup_cpu_limit(const std::string& proc = "/proc/self");

// How many threads can run at a time: the CPUs of the affinity mask, or the limit rounded up if
// that is less; at least 1.
std::size_t usable_cpus(const std::string& proc = "/proc/self");

// What the process may take before the kernel kills it or refuses it memory.
struct MemoryRoom {
  std::uint64_t limit_bytes = 0;
  std::uint64_t free_bytes = 0;  // of the limit, what is not used; caches do not count as used
  const char* limit = "";        // which one it is, for messages
};

// By the tightest of the control groups' limits (as above) and RLIMIT_AS; none when there is
// neither.
std::optional<MemoryRoom> memory_room(const std::string& proc = "/proc/self");

// The tightest memory limit of the control groups alone.
std::optional<std::uint64_t> memory_limit(const std::string& proc = "/proc/self");

}  // namespace iris
