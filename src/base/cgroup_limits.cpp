#include "base/cgroup_limits.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace iris {
namespace {

namespace fs = std::filesystem;

// Where a hierarchy with the CPU controller is mounted.
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

bool lists_cpu(const std::string& controllers) {
  const auto names = split(controllers, ',');
  return std::find(names.begin(), names.end(), "cpu") != names.end();
}

// A line: id parent device root point options [optional …] - type source super-options
std::vector<Mount> read_mounts(const std::string& proc) {
  std::vector<Mount> mounts;
  std::ifstream in(proc + "/mountinfo");
  for (std::string line; std::getline(in, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto left = split(line.substr(0, dash), ' ');
    const auto right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    const bool v2 = right[0] == "cgroup2";
    if (v2 || (right[0] == "cgroup" && lists_cpu(right[2]))) {
      mounts.push_back({left[4], left[3], v2});
    }
  }
  return mounts;
}

// The process's group in each hierarchy; a line: number:controllers:path, with 0:: for version 2.
std::optional<std::string> group_path(const std::string& proc, bool v2) {
  std::ifstream in(proc + "/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : lists_cpu(controllers)) return line.substr(second + 1);
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

}  // namespace

std::optional<double> cgroup_cpu_limit(const std::string& proc) {
  std::optional<double> tightest;
  for (const auto& mount : read_mounts(proc)) {
    const auto path = group_path(proc, mount.v2);
    if (!path) continue;
    for (fs::path folder = group_folder(mount, *path);; folder = folder.parent_path()) {
      const auto limit = limit_of_group(folder, mount.v2);
      if (limit && (!tightest || *limit < *tightest)) tightest = limit;
      if (folder == mount.point || !folder.has_relative_path()) break;
    }
  }
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
