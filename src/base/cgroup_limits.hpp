// The CPU limit that this process runs under: control groups of version 1 and 2, wherever they are
// mounted, as containers and systemd set them (cgroups(7), proc(5)).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace iris {

// The tightest CPU limit of the process's control group and the groups above it, in CPUs (0.5: half
// of one); none when there is no limit. `proc` is the process's folder in /proc.
std::optional<double> cgroup_cpu_limit(const std::string& proc = "/proc/self");

// How many threads can run at a time: the CPUs of the affinity mask, or the limit rounded up if
// that is less; at least 1.
std::size_t usable_cpus(const std::string& proc = "/proc/self");

}  // namespace iris
