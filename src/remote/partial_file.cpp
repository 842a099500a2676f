#include "remote/partial_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/copy.hpp"
#include "base/file.hpp"
#include "base/limits.hpp"

namespace iris::remote {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> cannot_write(const fs::path& path) {
  return environment_error("{}: cannot write: {}", path.string(), std::strerror(errno));
}

// The file, locked; none when another process moved it away while we waited for the lock.
Result<Fd> open_locked(const fs::path& path) {
  while (true) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return cannot_write(path);
    while (::flock(fd.get(), LOCK_EX) != 0) {
      if (errno != EINTR) return cannot_write(path);
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return cannot_write(path);
    // Nobody else's name but the file's own: another process may have published or removed it.
    struct stat named {};
    if (::stat(path.c_str(), &named) == 0 && named.st_ino == status.st_ino) return fd;
  }
}

}  // namespace

Result<std::unique_ptr<PartialFile>> PartialFile::open(const fs::path& path, Watcher watcher) {
  std::error_code code;
  fs::create_directories(path.parent_path(), code);
  if (code) {
    return environment_error("{}: cannot make the folder: {}", path.parent_path().string(),
                             code.message());
  }
  auto fd = open_locked(path);
  if (!fd) return tl::unexpected(fd.error());
  std::unique_ptr<PartialFile> file(new PartialFile(path, std::move(*fd), std::move(watcher)));
  if (auto read = file->take_what_is_there(); !read) return tl::unexpected(read.error());
  return file;
}

PartialFile::PartialFile(fs::path path, Fd fd, Watcher watcher)
    : path_(std::move(path)),
      fd_(std::move(fd)),
      watcher_(std::move(watcher)),
      digest_(fd_.get()) {}

PartialFile::~PartialFile() {
  if (!path_.empty() && size_ == 0) ::unlink(path_.c_str());
}

Result<void> PartialFile::take_what_is_there() {
  const off_t end = ::lseek(fd_.get(), 0, SEEK_END);
  if (end < 0) return input_error("{}: cannot read: {}", path_.string(), std::strerror(errno));
  if (end > 0) grown_by(static_cast<std::uint64_t>(end));
  found_bytes_ = size_;
  return {};
}

Result<void> PartialFile::check_size(std::uint64_t more) const {
  if (size_ + more <= limits::kObjectBytes) return {};
  return input_error("{}: found an object of more than {} bytes", path_.string(),
                     limits::kObjectBytes);
}

void PartialFile::grown_by(std::uint64_t bytes) {
  size_ += bytes;
  digest_.grown_to(size_);
  if (watcher_.on_bytes) watcher_.on_bytes(static_cast<std::int64_t>(bytes));
}

Result<void> PartialFile::append(std::string_view bytes) {
  if (auto fits = check_size(bytes.size()); !fits) return fits;
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t size = ::write(fd_.get(), left.data(), left.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return cannot_write(path_);
    grown_by(static_cast<std::uint64_t>(size));
    left.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

Result<void> PartialFile::append_file(int file, const fs::path& source) {
  auto offset = static_cast<off_t>(size_);
  while (true) {
    const ssize_t size = copy_some(file, offset, fd_.get());
    if (size == 0) return {};
    if (size < 0) {
      return environment_error("{}: cannot copy {}: {}", path_.string(), source.string(),
                               std::strerror(errno));
    }
    if (auto fits = check_size(static_cast<std::uint64_t>(size)); !fits) return fits;
    grown_by(static_cast<std::uint64_t>(size));
  }
}

Result<void> PartialFile::restart() {
  digest_.restart();
  if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0) {
    return cannot_write(path_);
  }
  if (watcher_.on_bytes) watcher_.on_bytes(-static_cast<std::int64_t>(size_));
  size_ = 0;
  return {};
}

void PartialFile::expect(std::uint64_t bytes) {
  if (watcher_.on_expect && !std::exchange(expectation_told_, true)) watcher_.on_expect(bytes);
}

Result<std::string> PartialFile::md5() {
  auto md5 = digest_.hex();
  if (md5) return md5;
  return tl::unexpected(
      Error{md5.error().code, fmt::format("{}: {}", path_.string(), md5.error().message)});
}

Result<void> PartialFile::publish(const fs::path& target, mode_t mode) {
  std::error_code code;
  fs::create_directories(target.parent_path(), code);
  if (::fchmod(fd_.get(), mode & ~user_umask()) != 0 ||
      ::rename(path_.c_str(), target.c_str()) != 0) {
    return cannot_write(target);
  }
  path_.clear();
  return {};
}

void PartialFile::discard() {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

}  // namespace iris::remote
