#include "dataset/draft.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "base/file.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> cannot_write(const fs::path& path, int number) {
  return environment_error("{}: cannot write: {}", path.string(), std::strerror(number));
}

bool write_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(fd, bytes, size);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    bytes += done;
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

// A name beside the target that no other program takes: mkostemp makes the file.
std::string temporary_name(const fs::path& folder) {
  return (folder / ".iris-XXXXXX").string();
}

}  // namespace

Result<Draft> Draft::copy_of(const fs::path& source, const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code)
    return environment_error("{}: cannot make the folder: {}", folder.string(), code.message());

  const int from = ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0) return input_error("{}: cannot open: {}", source.string(), std::strerror(errno));
  const Draft input(from, "");  // closes it

  std::string name;
  int to = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (to < 0) {
    name = temporary_name(folder);
    to = ::mkostemp(name.data(), O_CLOEXEC);
    if (to < 0) return cannot_write(folder, errno);
  }
  Draft draft(to, std::move(name));

  auto digest = Digest::md5();
  std::vector<char> buffer(std::size_t{1} << 20);
  while (true) {
    const ssize_t size = ::read(from, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return input_error("{}: cannot read: {}", source.string(), std::strerror(errno));
    if (size == 0) {
      draft.md5_ = digest.hex();
      return draft;
    }
    digest.update({buffer.data(), static_cast<std::size_t>(size)});
    if (!write_all(to, buffer.data(), static_cast<std::size_t>(size))) {
      return cannot_write(folder, errno);
    }
  }
}

Draft::Draft(Draft&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      md5_(std::move(other.md5_)),
      name_(std::exchange(other.name_, {})) {}

Draft::~Draft() {
  if (fd_ >= 0) ::close(fd_);
  if (!name_.empty()) ::unlink(name_.c_str());
}

std::string Draft::path() const {
  return fmt::format("/proc/self/fd/{}", fd_);
}

Result<void> Draft::publish(const fs::path& target, mode_t mode) {
  if (::fchmod(fd_, mode & ~user_umask()) != 0) return cannot_write(target, errno);
  if (name_.empty()) {
    const auto link_as = [&](const char* name) {
      return ::linkat(AT_FDCWD, path().c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
    };
    if (link_as(target.c_str())) return {};
    if (errno != EEXIST) return cannot_write(target, errno);
    // linkat replaces nothing; rename does, but needs a name to rename from.
    std::string name = temporary_name(target.parent_path());
    const int placeholder = ::mkostemp(name.data(), O_CLOEXEC);
    if (placeholder < 0) return cannot_write(target, errno);
    ::close(placeholder);
    ::unlink(name.c_str());
    if (!link_as(name.c_str())) return cannot_write(target, errno);
    name_ = std::move(name);
  }
  if (::rename(name_.c_str(), target.c_str()) != 0) return cannot_write(target, errno);
  name_.clear();
  return {};
}

}  // namespace iris::dataset
