#include "scale/local/proc_stat.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <vector>

#include "scale/local/cgroup_files.hpp"

namespace iris::scale::local {
namespace {

// "" when the file cannot be read.
std::string text_of(const std::string& path) {
  const SystemCgroupFiles files;  // it reads what has no size
  return files.read(path).value_or("");
}

std::uint64_t ticks_to_us(std::uint64_t ticks) {
  const auto ticks_per_s = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return ticks * 1'000'000 / ticks_per_s;
}

// The value after "name<spaces>:" or "name=", of the first such line.
std::string value_after(const std::string& text, const std::string& name, char separator) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find(separator);
    if (!line.starts_with(name) || at == std::string::npos) continue;
    auto value = line.substr(at + 1);
    const auto first = value.find_first_not_of(" \t\"");
    const auto last = value.find_last_not_of(" \t\"");
    return first == std::string::npos ? "" : value.substr(first, last - first + 1);
  }
  return "";
}

}  // namespace

std::optional<std::uint64_t> process_cpu_us(pid_t pid) {
  const auto text = text_of(fmt::format("/proc/{}/stat", pid));
  // The program's name, in brackets, may hold anything; after it, state is field 3 of proc(5).
  const auto bracket = text.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream words(text.substr(bracket + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) words >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  if (!(words >> user >> system)) return std::nullopt;
  return ticks_to_us(user + system);
}

std::optional<std::uint64_t> process_memory_bytes(pid_t pid) {
  std::istringstream words(text_of(fmt::format("/proc/{}/statm", pid)));
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  if (!(words >> all >> resident)) return std::nullopt;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<std::uint64_t> host_cpu_us() {
  std::istringstream words(text_of("/proc/stat"));
  std::string name;
  words >> name;
  // user nice system idle iowait irq softirq steal
  std::array<std::uint64_t, 8> ticks{};
  for (auto& tick : ticks) words >> tick;
  if (name != "cpu" || !words) return std::nullopt;
  return ticks_to_us(ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]);
}

Machine read_machine() {
  Machine machine;
  machine.cpu_model = value_after(text_of("/proc/cpuinfo"), "model name", ':');
  cpu_set_t set;
  machine.cores = ::sched_getaffinity(0, sizeof set, &set) == 0
                      ? static_cast<std::size_t>(CPU_COUNT(&set))
                      : static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN));
  machine.memory_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  utsname names{};
  ::uname(&names);
  machine.kernel = names.release;
  machine.os = value_after(text_of("/etc/os-release"), "PRETTY_NAME", '=');
  std::istringstream(text_of("/proc/sys/net/core/somaxconn")) >> machine.somaxconn;
  std::istringstream(text_of("/proc/sys/net/ipv4/ip_local_port_range")) >> machine.port_low >>
      machine.port_high;
  return machine;
}

}  // namespace iris::scale::local
