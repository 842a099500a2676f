// Whole files: bounded reads, and writes that either happen fully or not at all.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.hpp"
#include "base/result.hpp"

namespace iris {

// Reads a regular file of at most `max_bytes`.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes = limits::kFileBytes);

// What tells a file from one that was written, or renamed into its place, since. That of no file is
// zero.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t bytes = 0;
  std::int64_t modified_ns = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
FileStamp file_stamp(const std::string& path);

// Writes beside `path` and renames over it, so that a reader never sees half a file. Makes missing
// parent folders.
Result<void> write_file(const std::string& path, std::string_view bytes);

// The umask that the program was started with. The system can only be asked by changing it, which
// threads would see: so it is asked once.
mode_t user_umask();

}  // namespace iris
