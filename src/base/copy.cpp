#include "base/copy.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace iris {
namespace {

// So much at once that calls cost nothing, and so little that a watcher sees it move.
constexpr std::size_t kSpanBytes = std::size_t{16} << 20;
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

ssize_t read_and_write(int from, off_t& offset, int to) {
  std::vector<char> block(kBlockBytes);
  ssize_t size = 0;
  do {
    size = ::pread(from, block.data(), block.size(), offset);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return size;
  ssize_t done = 0;
  do {
    done = ::write(to, block.data(), static_cast<std::size_t>(size));
  } while (done < 0 && errno == EINTR);
  if (done > 0) offset += done;  // of a part, the rest comes next time
  return done;
}

}  // namespace

ssize_t copy_some(int from, off_t& offset, int to) {
  while (true) {
    const ssize_t size = ::copy_file_range(from, &offset, to, nullptr, kSpanBytes, 0);
    if (size > 0) return size;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG)) {
      return -1;
    }
    // Two file systems, one that cannot, or the end: some that cannot say that it is the end.
    return read_and_write(from, offset, to);
  }
}

}  // namespace iris
