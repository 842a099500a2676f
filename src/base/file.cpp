#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace iris {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  int get() const { return fd_; }
  // The status of close, which is where a full disk may be reported.
  int reset() {
    const int fd = fd_;
    fd_ = -1;
    return fd < 0 ? 0 : ::close(fd);
  }

 private:
  int fd_;
};

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return input_error("{}: cannot open: {}", path, std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return input_error("{}: found no regular file", path);
  }
  if (static_cast<std::size_t>(status.st_size) > max_bytes) {
    return input_error("{}: found {} bytes, expected at most {}", path, status.st_size, max_bytes);
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t size = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return input_error("{}: cannot read: {}", path, std::strerror(errno));
    if (size == 0) break;  // the file shrank under us; what is left is what there is
    done += static_cast<std::size_t>(size);
  }
  bytes.resize(done);
  return bytes;
}

FileStamp file_stamp(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  const auto& modified = status.st_mtim;
  return {status.st_dev, status.st_ino, status.st_size,
          std::int64_t{modified.tv_sec} * 1'000'000'000 + modified.tv_nsec};
}

Result<void> write_file(const std::string& path, std::string_view bytes) {
  const std::filesystem::path target(path);
  std::error_code code;
  if (target.has_parent_path()) {
    std::filesystem::create_directories(target.parent_path(), code);
    if (code) return input_error("{}: cannot make its folder: {}", path, code.message());
  }
  std::string temporary = path + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return input_error("{}: cannot write: {}", path, std::strerror(errno));
  const auto fail = [&] {
    const int number = errno;
    ::unlink(temporary.c_str());
    return input_error("{}: cannot write: {}", path, std::strerror(number));
  };
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t size = ::write(file.get(), left.data(), left.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail();
    left.remove_prefix(static_cast<std::size_t>(size));
  }
  // mkostemp makes the file private; a result is as readable as any other file of the user.
  if (::fchmod(file.get(), 0666 & ~user_umask()) != 0 || file.reset() != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail();
  }
  return {};
}

mode_t user_umask() {
  static const mode_t mask = [] {
    const mode_t found = ::umask(0);
    ::umask(found);
    return found;
  }();
  return mask;
}

}  // namespace iris
