#include "base/file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace iris {
namespace {

// Room for what a pipe holds at a time.
constexpr std::size_t kPipeBytes = std::size_t{64} << 10;

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

const char* name_of_kind(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode)) return "a character device";
  if (S_ISBLK(mode)) return "a block device";
  return "no regular file";
}

tl::unexpected<Error> not_a_file(const std::string& path, mode_t mode, InputKind kind) {
  const char* advice = "";
  if (kind == InputKind::kFileOrPipe && S_ISFIFO(mode)) {
    advice = " or an open pipe, e.g. /dev/stdin with '< FIFO'";
  }
  return input_error("{}: found {}, expected a regular file{}", path, name_of_kind(mode), advice);
}

// Whether it is a pipe that is open already, as behind /dev/stdin and /dev/fd/63: one end of it is
// in a process that was started for it. A FIFO lies in a folder, where perhaps nobody ever writes.
bool is_open_pipe(int descriptor) {
  struct statfs system {};
  return ::fstatfs(descriptor, &system) == 0 && system.f_type == PIPEFS_MAGIC;
}

// Opening a socket fails with words that do not say so.
tl::unexpected<Error> cannot_open(const std::string& path, int number, InputKind kind) {
  struct stat status {};
  if (number == ENXIO && ::stat(path.c_str(), &status) == 0) {
    return not_a_file(path, status.st_mode, kind);
  }
  return input_error("{}: cannot open: {}", path, std::strerror(number));
}

Result<std::string> read_pipe(const std::string& path, int descriptor, std::size_t max_bytes) {
  // A writer is waited for here. This is a description of its own, so nobody else's changes.
  ::fcntl(descriptor, F_SETFL, 0);
  std::string bytes;
  std::size_t done = 0;
  while (true) {
    if (bytes.size() - done < kPipeBytes) bytes.resize(std::max(2 * bytes.size(), kPipeBytes));
    const ssize_t size = ::read(descriptor, bytes.data() + done, bytes.size() - done);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return input_error("{}: cannot read: {}", path, std::strerror(errno));
    if (size == 0) break;
    done += static_cast<std::size_t>(size);
    if (done > max_bytes) {
      return input_error("{}: found more than {} bytes, expected at most that", path, max_bytes);
    }
  }
  bytes.resize(done);
  return bytes;
}

// Fills `bytes` from the file's `offset`th on, as far as it goes; how far, or -1.
ssize_t read_from(int descriptor, std::size_t offset, std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t size = ::pread(descriptor, bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(offset + done));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return -1;
    if (size == 0) break;
    done += static_cast<std::size_t>(size);
  }
  return static_cast<ssize_t>(done);
}

// What is no regular file is written into: a new file in its place would end /dev/null for
// everybody.
Result<void> write_into(const std::string& path, std::string_view bytes) {
  // A FIFO that nobody reads is an error then, rather than waited for.
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file.get() < 0) return input_error("{}: cannot write: {}", path, std::strerror(errno));
  ::fcntl(file.get(), F_SETFL, 0);
  if (!write_all(file.get(), bytes)) {
    return input_error("{}: cannot write: {}", path, std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<InputFile> open_input(const std::string& path, InputKind kind) {
  // Without O_NONBLOCK, opening a FIFO waits for a writer, perhaps for ever.
  Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return cannot_open(path, errno, kind);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return cannot_open(path, errno, kind);
  if (S_ISREG(status.st_mode)) {
    return InputFile{std::move(file), static_cast<std::size_t>(status.st_size), false};
  }
  if (kind == InputKind::kFileOrPipe && S_ISFIFO(status.st_mode) && is_open_pipe(file.get())) {
    return InputFile{std::move(file), 0, true};
  }
  return not_a_file(path, status.st_mode, kind);
}

Result<std::string> read_file(const std::string& path, std::size_t max_bytes, InputKind kind) {
  const auto file = open_input(path, kind);
  if (!file) return tl::unexpected(file.error());
  if (file->is_pipe) return read_pipe(path, file->descriptor.get(), max_bytes);
  if (file->bytes > max_bytes) {
    return input_error("{}: found {} bytes, expected at most {}", path, file->bytes, max_bytes);
  }
  return read_input(*file, path);
}

Result<std::string> read_input(const InputFile& file, const std::string& path) {
  std::string bytes(file.bytes, '\0');
  // A file that shrank meanwhile is what is left of it.
  const ssize_t done = read_from(file.descriptor.get(), 0, bytes);
  if (done < 0) return input_error("{}: cannot read: {}", path, std::strerror(errno));
  bytes.resize(static_cast<std::size_t>(done));
  return bytes;
}

std::string read_head(const InputFile& file, std::size_t bytes) {
  std::string head(std::min(bytes, file.bytes), '\0');
  const ssize_t done = read_from(file.descriptor.get(), 0, head);
  head.resize(static_cast<std::size_t>(std::max<ssize_t>(done, 0)));
  return head;
}

Result<void> read_chunks(const std::string& path,
                         const std::function<void(std::string_view chunk)>& take) {
  constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
  const auto file = open_input(path);
  if (!file) return tl::unexpected(file.error());
  std::string chunk(std::min(file->bytes, kChunkBytes), '\0');
  for (std::size_t offset = 0; offset < file->bytes; offset += chunk.size()) {
    chunk.resize(std::min(file->bytes - offset, kChunkBytes));
    const ssize_t done = read_from(file->descriptor.get(), offset, chunk);
    if (done < 0) return input_error("{}: cannot read: {}", path, std::strerror(errno));
    if (done > 0) take(std::string_view(chunk).substr(0, static_cast<std::size_t>(done)));
    if (static_cast<std::size_t>(done) < chunk.size()) break;  // it shrank
  }
  return {};
}

FileStamp file_stamp(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  const auto& modified = status.st_mtim;
  return {status.st_dev, status.st_ino, status.st_size,
          std::int64_t{modified.tv_sec} * 1'000'000'000 + modified.tv_nsec};
}

Result<void> write_file(const std::string& path, std::string_view bytes) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    return write_into(path, bytes);
  }
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
  if (!write_all(file.get(), bytes)) return fail();
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

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      // Another program that has the same pipe has made it non-blocking.
      pollfd ready{.fd = descriptor, .events = POLLOUT, .revents = 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace iris
