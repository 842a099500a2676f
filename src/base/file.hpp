// Whole files: bounded reads, and writes that either happen fully or not at all.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/limits.hpp"
#include "base/result.hpp"

namespace iris {

// Reads a regular file of at most `max_bytes`.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes = limits::kFileBytes);

// Writes beside `path` and renames over it, so that a reader never sees half a file. Makes missing
// parent folders.
Result<void> write_file(const std::string& path, std::string_view bytes);

// The umask that the program was started with. The system can only be asked by changing it, which
// threads would see: so it is asked once.
mode_t user_umask();

}  // namespace iris
