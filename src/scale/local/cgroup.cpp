#include "scale/local/cgroup.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <sstream>

namespace iris::scale::local {
namespace {

constexpr std::int64_t kPeriodUs = 100'000;  // the kubelet's --cpu-cfs-quota-period
constexpr std::int64_t kLeastQuotaUs = 1'000;
constexpr std::int64_t kLeastShares = 2;
constexpr std::int64_t kMostShares = 262'144;
constexpr const char* kPrefix = "iris-";
constexpr const char* kRemedy =
    "run it in a group of its own: systemd-run --user --scope -p Delegate=yes iris scale … (or as "
    "root), or without limits: --no-limits";

std::uint64_t to_number(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The value beside a name, as cpu.stat and memory.events have them; 0 when it is not there.
std::uint64_t value_of(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  std::string key;
  std::string value;
  while (lines >> key >> value) {
    if (key == name) return to_number(value);
  }
  return 0;
}

// kubelet, pkg/kubelet/cm/helpers_linux.go: MilliCPUToShares, MilliCPUToQuota.
std::int64_t to_shares(std::int64_t request_milli) {
  return std::clamp(request_milli * 1024 / 1000, kLeastShares, kMostShares);
}
std::int64_t to_quota_us(std::int64_t limit_milli) {
  return std::max(limit_milli * kPeriodUs / 1000, kLeastQuotaUs);
}
// runc's conversion of shares to cpu.weight.
std::int64_t to_weight(std::int64_t shares) {
  return 1 + (shares - 2) * 9'999 / 262'142;
}

tl::unexpected<Error> no_group(const Error& cause) {
  return environment_error("cannot limit the replicas' CPU and memory: {}; {}", cause.message,
                           kRemedy);
}

std::optional<pid_t> pid_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  pid_t pid = 0;
  const char* first = name.data() + std::string_view(kPrefix).size();
  const auto [end, code] = std::from_chars(first, name.data() + name.size(), pid);
  const std::string_view rest(end, static_cast<std::size_t>(name.data() + name.size() - end));
  const bool whole = rest.empty() || rest == "-driver";
  return code == std::errc() && whole && pid > 0 ? std::optional(pid) : std::nullopt;
}

// Removes a group and those below it, unless a process is in one.
bool remove_if_empty(const CgroupFiles& files, const std::string& folder) {
  const auto processes = files.read(folder + "/cgroup.procs");
  if (!processes || !processes->empty()) return false;
  for (const auto& child : files.list_folders(folder)) {
    if (!remove_if_empty(files, fmt::format("{}/{}", folder, child))) return false;
  }
  return files.remove_folder(folder).has_value();
}

int remove_stale(const CgroupFiles& files, const std::string& base,
                 const std::function<bool(pid_t)>& is_alive) {
  int removed = 0;
  for (const auto& name : files.list_folders(base)) {
    const auto pid = pid_of(name);
    if (pid && !is_alive(*pid) && remove_if_empty(files, fmt::format("{}/{}", base, name)))
      ++removed;
  }
  return removed;
}

bool has_words(const std::string& text, const std::vector<std::string>& wanted) {
  std::istringstream words(text);
  std::vector<std::string> found;
  for (std::string word; words >> word;) found.push_back(word);
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& word) {
    return std::find(found.begin(), found.end(), word) != found.end();
  });
}

// Whether the children of this version 2 group have the controllers.
bool gives_controllers(const CgroupFiles& files, const std::string& folder) {
  const auto given = files.read(folder + "/cgroup.subtree_control");
  return given && has_words(*given, {"cpu", "memory"});
}

}  // namespace

bool process_is_alive(pid_t pid) {
  return ::kill(pid, 0) == 0 || errno != ESRCH;
}

Cgroup::Cgroup(Cgroup&& other) noexcept
    : files_(other.files_), places_(std::exchange(other.places_, {})) {}

Cgroup::~Cgroup() {
  if (places_.version == 0) return;
  for (const auto& folder : places_.folders()) (void)files_->remove_folder(folder);
}

std::vector<std::string> Cgroup::join_files() const {
  auto paths = places_.folders();
  for (auto& path : paths) path += "/cgroup.procs";
  return paths;
}

Result<void> Cgroup::limit(const CgroupLimits& limits) const {
  std::vector<std::pair<std::string, std::string>> writes;
  const auto shares = to_shares(limits.cpu_request_milli);
  if (places_.version == 1) {
    writes.emplace_back(places_.cpu + "/cpu.shares", std::to_string(shares));
    if (limits.cpu_limit_milli > 0) {
      writes.emplace_back(places_.cpu + "/cpu.cfs_period_us", std::to_string(kPeriodUs));
      writes.emplace_back(places_.cpu + "/cpu.cfs_quota_us",
                          std::to_string(to_quota_us(limits.cpu_limit_milli)));
    }
    if (limits.memory_limit_bytes > 0) {
      writes.emplace_back(places_.memory + "/memory.limit_in_bytes",
                          std::to_string(limits.memory_limit_bytes));
    }
  } else {
    writes.emplace_back(places_.cpu + "/cpu.weight", std::to_string(to_weight(shares)));
    if (limits.cpu_limit_milli > 0) {
      writes.emplace_back(places_.cpu + "/cpu.max",
                          fmt::format("{} {}", to_quota_us(limits.cpu_limit_milli), kPeriodUs));
    }
    if (limits.memory_limit_bytes > 0) {
      writes.emplace_back(places_.memory + "/memory.max",
                          std::to_string(limits.memory_limit_bytes));
    }
  }
  for (const auto& [path, text] : writes) {
    if (auto written = files_->write(path, text); !written) return written;
  }
  return {};
}

Result<CgroupUsage> Cgroup::usage() const {
  const bool first = places_.version == 1;
  const auto stat = files_->read(places_.cpu + "/cpu.stat");
  if (!stat) return tl::unexpected(stat.error());
  const auto memory =
      files_->read(places_.memory + (first ? "/memory.usage_in_bytes" : "/memory.current"));
  if (!memory) return tl::unexpected(memory.error());
  // Older kernels have no count of kills here; it then stays 0.
  const auto events =
      files_->read(places_.memory + (first ? "/memory.oom_control" : "/memory.events"));

  CgroupUsage usage;
  usage.periods = value_of(*stat, "nr_periods");
  usage.throttled_periods = value_of(*stat, "nr_throttled");
  usage.memory_bytes = to_number(*memory);
  usage.oom_kills = events ? value_of(*events, "oom_kill") : 0;
  if (first) {
    const auto cpu = files_->read(places_.cpuacct + "/cpuacct.usage");
    if (!cpu) return tl::unexpected(cpu.error());
    usage.cpu_us = to_number(*cpu) / 1'000;
    usage.throttled_us = value_of(*stat, "throttled_time") / 1'000;
  } else {
    usage.cpu_us = value_of(*stat, "usage_usec");
    usage.throttled_us = value_of(*stat, "throttled_usec");
  }
  return usage;
}

Result<std::unique_ptr<CgroupRun>> CgroupRun::create(const CgroupFiles& files,
                                                     const CgroupPlaces& here, pid_t pid,
                                                     const std::function<bool(pid_t)>& is_alive) {
  std::unique_ptr<CgroupRun> run(new CgroupRun(files));
  auto bases = here.folders();
  if (here.version == 2 && here.root != here.cpu) bases.push_back(here.root);
  // The same run is one group in each hierarchy.
  for (const auto& base : bases) {
    run->removed_ = std::max(run->removed_, remove_stale(files, base, is_alive));
  }
  auto opened = here.version == 1 ? run->open_version1(here, pid) : run->open_version2(here, pid);
  if (!opened) return no_group(opened.error());
  return run;
}

Result<void> CgroupRun::open_version1(const CgroupPlaces& here, pid_t pid) {
  const auto name = fmt::format("/{}{}", kPrefix, pid);
  for (const auto& folder : here.folders()) {
    if (auto made = files_.make_folder(folder + name); !made) {
      // The destructor removes what was made before.
      return made;
    }
    places_.version = 1;
    if (folder == here.cpu) places_.cpu = folder + name;
    if (folder == here.cpuacct) places_.cpuacct = folder + name;
    if (folder == here.memory) places_.memory = folder + name;
  }
  // The generator's many threads must not starve the replicas, whose bound is their quota: in a
  // cluster it would run elsewhere.
  return files_.write(places_.cpu + "/cpu.shares", std::to_string(kMostShares));
}

Result<void> CgroupRun::make_below(const std::string& base, const std::string& name) {
  const auto folder = base + "/" + name;
  if (auto made = files_.make_folder(folder); !made) return made;
  auto set = files_.write(folder + "/cgroup.subtree_control", "+cpu +memory");
  if (set) set = files_.write(folder + "/cpu.weight", std::to_string(to_weight(kMostShares)));
  if (set) {
    places_ = {2, folder, folder, folder, base};
  } else {
    (void)files_.remove_folder(folder);
  }
  return set;
}

Result<void> CgroupRun::open_version2(const CgroupPlaces& here, pid_t pid) {
  const auto name = fmt::format("{}{}", kPrefix, pid);
  const auto& own = here.cpu;
  if (gives_controllers(files_, own)) return make_below(own, name);
  // As root, the hierarchy's root: it alone may hold processes and limit its children.
  if (own != here.root && gives_controllers(files_, here.root)) {
    if (auto made = make_below(here.root, name)) return made;
  }
  // A delegated group that holds us: we move into a leaf, so that it may limit its children.
  leaf_ = own + "/" + name + "-driver";
  if (auto made = files_.make_folder(leaf_); !made) {
    leaf_.clear();
    return made;
  }
  if (auto moved = files_.write(leaf_ + "/cgroup.procs", "0"); !moved) return moved;
  moved_from_ = own;
  if (auto given = files_.write(own + "/cgroup.subtree_control", "+cpu +memory"); !given) {
    return given;
  }
  return make_below(own, name);
}

CgroupRun::~CgroupRun() {
  std::vector<std::string> made =
      places_.version == 0 ? std::vector<std::string>{} : places_.folders();
  for (const auto& folder : made) {
    if (!folder.empty()) (void)files_.remove_folder(folder);
  }
  if (leaf_.empty()) return;
  if (!moved_from_.empty()) {
    (void)files_.write(moved_from_ + "/cgroup.subtree_control", "-cpu -memory");
    (void)files_.write(moved_from_ + "/cgroup.procs", "0");
  }
  (void)files_.remove_folder(leaf_);
}

Result<Cgroup> CgroupRun::add(const std::string& name, const CgroupLimits& limits) const {
  CgroupPlaces places = places_;
  places.cpu += "/" + name;
  places.cpuacct += "/" + name;
  places.memory += "/" + name;
  for (const auto& folder : places.folders()) {
    if (auto made = files_.make_folder(folder); !made) return tl::unexpected(made.error());
  }
  Cgroup group(files_, places);
  if (auto limited = group.limit(limits); !limited) return tl::unexpected(limited.error());
  return group;
}

}  // namespace iris::scale::local
