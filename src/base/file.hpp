// Whole files: bounded reads of what is a file, and writes that either happen fully or not at
// all.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"

namespace iris {

// What may stand behind the path of an input. A table may come through a pipe that is open already
// (/dev/stdin, /dev/fd/63 of a process substitution); what is read again later may not.
enum class InputKind { kFile, kFileOrPipe };

struct InputFile {
  Fd descriptor;
  std::size_t bytes = 0;  // of a file, when it was opened
  bool is_pipe = false;
};

// Opens what an input names. Waits for nobody: a FIFO, a socket, a device or a folder is refused by
// a message that says which it is.
Result<InputFile> open_input(const std::string& path, InputKind kind = InputKind::kFile);
// The whole of a file, as many bytes as it had when it was opened: one that grows is not followed.
Result<std::string> read_input(const InputFile& file, const std::string& path);
// Its first bytes, as many as can be read.
std::string read_head(const InputFile& file, std::size_t bytes);

// Both, of at most `max_bytes`.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes = limits::kFileBytes,
                              InputKind kind = InputKind::kFile);

// A file piece by piece, each but the last of 1 MiB: as many bytes as it had when it was opened,
// since what the kernel makes up while it is read, as in /proc, may have no end.
Result<void> read_chunks(const std::string& path,
                         const std::function<void(std::string_view chunk)>& take);

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
// parent folders. A device or an open pipe (/dev/null, /dev/stdout) is written into.
Result<void> write_file(const std::string& path, std::string_view bytes);

// The umask that the program was started with. The system can only be asked by changing it, which
// threads would see: so it is asked once.
mode_t user_umask();

// Writes all of the bytes, however long that takes; false, with errno, when the descriptor fails.
bool write_all(int descriptor, std::string_view bytes);

}  // namespace iris
