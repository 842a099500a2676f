#include "scale/local/cgroup_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/fd.hpp"

namespace iris::scale::local {
namespace {

tl::unexpected<Error> failed(const std::string& path, const char* what) {
  return environment_error("{}: cannot {}: {}", path, what, std::strerror(errno));
}

}  // namespace

// Not base/file's read_file: these files report a size of 0 or 4096 whatever they hold.
Result<std::string> SystemCgroupFiles::read(const std::string& path) const {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failed(path, "open");
  std::string text;
  std::array<char, 4096> buffer{};
  constexpr std::size_t kMost = std::size_t{1} << 20;
  while (text.size() < kMost) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed(path, "read");
    if (size == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

Result<void> SystemCgroupFiles::write(const std::string& path, const std::string& text) const {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return failed(path, "open for writing");
  // One write: each is a command to the kernel.
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return failed(path, fmt::format("write '{}'", text).c_str());
  }
  return {};
}

Result<void> SystemCgroupFiles::make_folder(const std::string& path) const {
  if (::mkdir(path.c_str(), 0755) != 0) return failed(path, "make the group");
  return {};
}

Result<void> SystemCgroupFiles::remove_folder(const std::string& path) const {
  constexpr int kTries = 50;
  for (int i = 0; i < kTries; ++i) {
    if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EBUSY) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return failed(path, "remove the group");
}

std::vector<std::string> SystemCgroupFiles::list_folders(const std::string& path) const {
  std::vector<std::string> names;
  std::error_code code;
  for (auto at = std::filesystem::directory_iterator(path, code);
       !code && at != std::filesystem::directory_iterator(); at.increment(code)) {
    if (at->is_directory(code)) names.push_back(at->path().filename().string());
  }
  return names;
}

}  // namespace iris::scale::local
