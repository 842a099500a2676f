// CPU time and memory from /proc, and the facts of this machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace iris::scale::local {

// User and system time of all threads since the process began; none when there is no process.
std::optional<std::uint64_t> process_cpu_us(pid_t pid);
// Resident; none when there is no process.
std::optional<std::uint64_t> process_memory_bytes(pid_t pid);
// Of all cores since boot, idle time and waiting for devices left out.
std::optional<std::uint64_t> host_cpu_us();

struct Machine {
  std::string cpu_model;
  std::size_t cores = 0;
  std::uint64_t memory_bytes = 0;
  std::string kernel;
  std::string os;
  std::int64_t somaxconn = 0;
  std::int64_t port_low = 0;  // of the ports that clients get
  std::int64_t port_high = 0;
};
Machine read_machine();

}  // namespace iris::scale::local
