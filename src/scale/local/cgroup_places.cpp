// Where this process stands in the control groups: the reading of /proc.
#include <algorithm>
#include <optional>
#include <sstream>

#include "scale/local/cgroup.hpp"

namespace iris::scale::local {
namespace {

struct Mount {
  std::string root;   // the part of the hierarchy that is mounted
  std::string point;  // where
  std::string type;   // cgroup, cgroup2
  std::string options;
};

// "a,b,c" holds "b".
bool holds(const std::string& list, const std::string& name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

// proc(5): id parent major:minor root mount-point options [optional …] - type source super-options
std::vector<Mount> read_mounts(const std::string& mountinfo) {
  std::vector<Mount> mounts;
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string skipped;
    Mount mount;
    words >> skipped >> skipped >> skipped >> mount.root >> mount.point;
    while (words >> skipped && skipped != "-") {
    }
    words >> mount.type >> skipped >> mount.options;
    if (mount.type == "cgroup" || mount.type == "cgroup2") mounts.push_back(std::move(mount));
  }
  return mounts;
}

// The path of this process in the hierarchy that holds the controller ("" for version 2).
std::optional<std::string> path_of(const std::string& self, const std::string& controller) {
  std::istringstream lines(self);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : holds(controllers, controller)) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

// Where a path of the hierarchy is seen through the mount; in a container the mount's root is often
// the container's own group.
std::string seen_at(const Mount& mount, std::string path) {
  if (mount.root != "/" && path.starts_with(mount.root)) path.erase(0, mount.root.size());
  if (path == "/") path.clear();
  return mount.point + path;
}

std::optional<std::string> find_version1(const std::vector<Mount>& mounts, const std::string& self,
                                         const std::string& controller) {
  const auto mount = std::find_if(mounts.begin(), mounts.end(), [&](const Mount& candidate) {
    return candidate.type == "cgroup" && holds(candidate.options, controller);
  });
  const auto path = path_of(self, controller);
  if (mount == mounts.end() || !path) return std::nullopt;
  return seen_at(*mount, *path);
}

}  // namespace

std::vector<std::string> CgroupPlaces::folders() const {
  std::vector<std::string> found;
  for (const auto& folder : {cpu, cpuacct, memory}) {
    if (std::find(found.begin(), found.end(), folder) == found.end()) found.push_back(folder);
  }
  return found;
}

Result<CgroupPlaces> find_cgroup_places(const std::string& mountinfo, const std::string& self) {
  const auto mounts = read_mounts(mountinfo);
  CgroupPlaces places;
  // Version 1 first: where both are mounted, the controllers are there.
  const auto cpu = find_version1(mounts, self, "cpu");
  const auto cpuacct = find_version1(mounts, self, "cpuacct");
  const auto memory = find_version1(mounts, self, "memory");
  if (cpu && cpuacct && memory) {
    places.version = 1;
    places.cpu = *cpu;
    places.cpuacct = *cpuacct;
    places.memory = *memory;
    return places;
  }
  const auto unified = std::find_if(mounts.begin(), mounts.end(),
                                    [](const Mount& mount) { return mount.type == "cgroup2"; });
  const auto path = path_of(self, "");
  if (unified == mounts.end() || !path) {
    return environment_error("found no control groups with the cpu and memory controllers mounted");
  }
  places.version = 2;
  places.root = unified->point;
  places.cpu = places.cpuacct = places.memory = seen_at(*unified, *path);
  return places;
}

Result<CgroupPlaces> read_cgroup_places() {
  const SystemCgroupFiles files;
  const auto mountinfo = files.read("/proc/self/mountinfo");
  if (!mountinfo) return tl::unexpected(mountinfo.error());
  const auto self = files.read("/proc/self/cgroup");
  if (!self) return tl::unexpected(self.error());
  return find_cgroup_places(*mountinfo, *self);
}

}  // namespace iris::scale::local
