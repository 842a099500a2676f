#include "dataset/draft.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "base/copy.hpp"
#include "base/digest.hpp"
#include "base/file.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

// A name beside the target that no other program takes: mkostemp makes the file.
std::string temporary_name(const fs::path& folder) {
  return (folder / ".iris-XXXXXX").string();
}

}  // namespace

Result<Draft> Draft::in(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code)
    return environment_error("{}: cannot make the folder: {}", folder.string(), code.message());
  Fd unnamed(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (unnamed) return Draft(std::move(unnamed), "");
  std::string name = temporary_name(folder);
  Fd named(::mkostemp(name.data(), O_CLOEXEC));
  if (!named) return cannot_write(folder, errno);
  return Draft(std::move(named), std::move(name));
}

Result<Draft> Draft::copy_of(const fs::path& source, const fs::path& folder) {
  auto draft = in(folder);
  if (!draft) return draft;
  auto digest = Digest::md5();
  int failed = 0;
  const auto read = read_chunks(source.string(), [&](std::string_view chunk) {
    if (failed != 0) return;
    digest.update(chunk);
    if (!write_all(draft->fd_.get(), chunk)) failed = errno;
  });
  if (!read) return tl::unexpected(read.error());
  if (failed != 0) return cannot_write(folder, failed);
  draft->md5_ = digest.hex();
  return draft;
}

Draft::Draft(Draft&& other) noexcept
    : fd_(std::move(other.fd_)),
      md5_(std::move(other.md5_)),
      name_(std::exchange(other.name_, {})) {}

Draft::~Draft() {
  if (!name_.empty()) ::unlink(name_.c_str());
}

bool Draft::share(int from) const {
  return ::ioctl(fd_.get(), FICLONE, from) == 0;
}

bool Draft::copy(int from) const {
  off_t offset = 0;
  while (true) {
    const ssize_t size = copy_some(from, offset, fd_.get());
    if (size <= 0) return size == 0;
  }
}

std::string Draft::path() const {
  return fmt::format("/proc/self/fd/{}", fd_.get());
}

Result<void> Draft::publish(const fs::path& target, mode_t mode) {
  if (::fchmod(fd_.get(), mode & ~user_umask()) != 0) return cannot_write(target, errno);
  const bool done = name_.empty() ? give_name(target,
                                              [&](const char* name) {
                                                return ::linkat(AT_FDCWD, path().c_str(), AT_FDCWD,
                                                                name, AT_SYMLINK_FOLLOW) == 0;
                                              })
                                  : ::rename(name_.c_str(), target.c_str()) == 0;
  if (!done) return cannot_write(target, errno);
  name_.clear();
  return {};
}

tl::unexpected<Error> cannot_write(const fs::path& path, int number) {
  return environment_error("{}: cannot write: {}", path.string(), std::strerror(number));
}

bool give_name(const fs::path& target, const std::function<bool(const char*)>& make) {
  if (make(target.c_str())) return true;
  if (errno != EEXIST) return false;
  // Only rename replaces, and it needs a name to rename from.
  std::string name = temporary_name(target.parent_path());
  const Fd placeholder(::mkostemp(name.data(), O_CLOEXEC));
  if (!placeholder) return false;
  ::unlink(name.c_str());
  if (!make(name.c_str())) return false;
  const bool done = ::rename(name.c_str(), target.c_str()) == 0;
  const int error = errno;
  // Of two names of the same file rename leaves both.
  ::unlink(name.c_str());
  errno = error;
  return done;
}

}  // namespace iris::dataset
