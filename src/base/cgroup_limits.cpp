#include "base/cgroup_limits.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

namespace iris {
namespace {

namespace fs = std::filesystem;

// Where a hierarchy with a controller is mounted.
struct Mount {
  fs::path point;
  std::string root;  // the group that the mount point shows
  bool v2 = false;
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool lists(const std::string& controllers, const char* controller) {
  const auto names = split(controllers, ',');
  return std::find(names.begin(), names.end(), controller) != names.end();
}

// A line: id parent device root point options [optional …] - type source super-options
std::vector<Mount> read_mounts(const std::string& proc, const char* controller) {
  std::vector<Mount> mounts;
  std::ifstream in(proc + "/mountinfo");
  for (std::string line; std::getline(in, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto left = split(line.substr(0, dash), ' ');
    const auto right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    const bool v2 = right[0] == "cgroup2";
    if (v2 || (right[0] == "cgroup" && lists(right[2], controller))) {
      mounts.push_back({left[4], left[3], v2});
    }
  }
  return mounts;
}

// The process's group in each hierarchy; a line: number:controllers:path, with 0:: for version 2.
std::optional<std::string> group_path(const std::string& proc, const char* controller, bool v2) {
  std::ifstream in(proc + "/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : lists(controllers, controller)) return line.substr(second + 1);
  }
  return std::nullopt;
}

// The group's folder. A container may see its own group as the root of the mount.
fs::path group_folder(const Mount& mount, const std::string& path) {
  if (path.find("/..") != std::string::npos) return mount.point;
  if (mount.root == "/") return mount.point / fs::path(path).relative_path();
  if (!path.starts_with(mount.root)) return mount.point;
  return mount.point / fs::path(path.substr(mount.root.size())).relative_path();
}

// Calls `visit(folder, v2)` for the process's group and each above it that can be seen.
template <class Visit>
void each_group(const std::string& proc, const char* controller, Visit visit) {
  for (const auto& mount : read_mounts(proc, controller)) {
    const auto path = group_path(proc, controller, mount.v2);
    if (!path) continue;
    for (fs::path folder = group_folder(mount, *path);; folder = folder.parent_path()) {
      visit(folder, mount.v2);
      if (folder == mount.point || !folder.has_relative_path()) break;
    }
  }
}

std::optional<double> limit_of_group(const fs::path& folder, bool v2) {
  double quota = -1;
  double period = 0;
  if (v2) {
    std::ifstream in(folder / "cpu.max");  // "max 100000" or "50000 100000"
    if (!(in >> quota >> period)) return std::nullopt;
  } else {
    std::ifstream quota_in(folder / "cpu.cfs_quota_us");  // -1: no limit
    std::ifstream period_in(folder / "cpu.cfs_period_us");
    if (!(quota_in >> quota) || !(period_in >> period)) return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

// The first number of a file; none where it is a word, as in "max".
std::optional<std::uint64_t> read_number(const fs::path& path) {
  std::ifstream in(path);
  std::uint64_t number = 0;
  if (!(in >> number)) return std::nullopt;
  return number;
}

// Pages of files that nobody has touched for a while: the kernel gives them up before it kills.
std::uint64_t reclaimable_bytes(const fs::path& folder, bool v2) {
  std::ifstream in(folder / "memory.stat");
  const std::string_view wanted = v2 ? "inactive_file" : "total_inactive_file";
  std::string name;
  for (std::uint64_t bytes = 0; in >> name >> bytes;) {
    if (name == wanted) return bytes;
  }
  return 0;
}

// Version 1 has no word for "no limit", only a number that no machine has the memory for.
constexpr std::uint64_t kNoLimitBytes = std::uint64_t{1} << 60;

std::uint64_t less(std::uint64_t limit, std::uint64_t used) {
  return limit > used ? limit - used : 0;
}

std::optional<MemoryRoom> room_of_group(const fs::path& folder, bool v2) {
  const auto limit = read_number(folder / (v2 ? "memory.max" : "memory.limit_in_bytes"));
  if (!limit || *limit >= kNoLimitBytes) return std::nullopt;
  const auto used = read_number(folder / (v2 ? "memory.current" : "memory.usage_in_bytes"));
  return MemoryRoom{*limit, less(*limit + reclaimable_bytes(folder, v2), used.value_or(0)),
                    "the memory limit of the control group"};
}

std::optional<MemoryRoom> room_of_address_space(const std::string& proc) {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  const auto pages = read_number(proc + "/statm").value_or(0);
  return MemoryRoom{limit.rlim_cur,
                    less(limit.rlim_cur, pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))),
                    "the limit on address space (ulimit -v)"};
}

}  // namespace

std::optional<double> cgroup_cpu_limit(const std::string& proc) {
  std::optional<double> tightest;
  each_group(proc, "cpu", [&](const fs::path& folder, bool v2) {
    const auto limit = limit_of_group(folder, v2);
    if (limit && (!tightest || *limit < *tightest)) tightest = limit;
  });
  return tightest;
}

std::optional<MemoryRoom> memory_room(const std::string& proc) {
  auto tightest = room_of_address_space(proc);
  each_group(proc, "memory", [&](const fs::path& folder, bool v2) {
    const auto room = room_of_group(folder, v2);
    if (room && (!tightest || room->free_bytes < tightest->free_bytes)) tightest = room;
  });
  return tightest;
}

std::optional<std::uint64_t> memory_limit(const std::string& proc) {
  std::optional<std::uint64_t> tightest;
  each_group(proc, "memory", [&](const fs::path& folder, bool v2) {
    const auto limit = read_number(folder / (v2 ? "memory.max" : "memory.limit_in_bytes"));
    if (limit && *limit < kNoLimitBytes) tightest = std::min(*limit, tightest.value_or(*limit));
  });
  return tightest;
}

std::size_t usable_cpus(const std::string& proc) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::size_t cpus = sched_getaffinity(0, sizeof set, &set) == 0
                         ? static_cast<std::size_t>(CPU_COUNT(&set))
                         : std::thread::hardware_concurrency();
  if (const auto limit = cgroup_cpu_limit(proc)) {
    cpus = std::min(cpus, static_cast<std::size_t>(std::ceil(*limit)));
  }
  return std::max<std::size_t>(cpus, 1);
}

}  // namespace iris
