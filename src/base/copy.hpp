// Bytes from one open file to another, without a way through this program where the file systems
// can do that: they share the blocks (btrfs, XFS), or the kernel copies.
//
//   off_t offset = 0;
//   while ((size = copy_some(from, offset, to)) > 0) … (size < 0: errno says why)
#pragma once

#include <sys/types.h>

namespace iris {

// Copies the next bytes of `from` to where `to` stands and moves `offset` on. Returns how many, 0
// at the end, or -1 with errno.
ssize_t copy_some(int from, off_t& offset, int to);

}  // namespace iris
