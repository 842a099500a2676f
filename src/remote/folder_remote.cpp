#include "remote/folder_remote.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/fd.hpp"
#include "remote/partial_file.hpp"

namespace iris::remote {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kObjectMode = 0444;  // as DVC protects its objects

class FolderRemote final : public Remote {
 public:
  explicit FolderRemote(fs::path folder) : folder_(std::move(folder)) {}

  std::string place_of(const std::string& key) const override { return (folder_ / key).string(); }

  Result<std::optional<ObjectInfo>> find(const std::string& key) override {
    const fs::path path = folder_ / key;
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      return ObjectInfo{static_cast<std::uint64_t>(status.st_size), ""};
    }
    return std::nullopt;
  }

  Result<bool> get(const std::string& key, ByteSink& sink) override {
    const fs::path path = folder_ / key;
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && (errno == ENOENT || errno == ENOTDIR)) return false;
    if (!file) {
      return environment_error("{}: cannot open: {}", path.string(), std::strerror(errno));
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    const auto bytes = static_cast<std::uint64_t>(status.st_size);
    sink.expect(bytes);
    if (sink.size() > bytes) {
      if (auto anew = sink.restart(); !anew) return tl::unexpected(anew.error());
    }
    if (auto done = sink.append_file(file.get(), path); !done) return tl::unexpected(done.error());
    return true;
  }

  Result<void> put(const std::string& key, const Upload& upload) override {
    const Fd file(::open(upload.file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file)
      return input_error("{}: cannot open: {}", upload.file.string(), std::strerror(errno));
    const fs::path path = folder_ / key;
    auto draft = PartialFile::open(path.string() + ".part", {.on_bytes = upload.on_bytes});
    if (!draft) return tl::unexpected(draft.error());
    // What an earlier run left may be of other content.
    if (auto anew = (*draft)->restart(); !anew) return anew;
    if (auto done = (*draft)->append_file(file.get(), upload.file); !done) return done;
    const auto md5 = (*draft)->md5();
    if (!md5) return tl::unexpected(md5.error());
    if (!upload.md5.empty() && *md5 != upload.md5) {
      (*draft)->discard();
      return input_error("{}: found it changing while it was read", upload.file.string());
    }
    return (*draft)->publish(path, kObjectMode);
  }

  Result<bool> remove(const std::string& key) override {
    const fs::path path = folder_ / key;
    if (::unlink(path.c_str()) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return environment_error("{}: cannot remove: {}", path.string(), std::strerror(errno));
  }

 private:
  fs::path folder_;
};

}  // namespace

Result<std::unique_ptr<Remote>> open_folder_remote(const std::string& folder) {
  std::error_code code;
  if (!fs::is_directory(folder, code)) {
    return environment_error("found no folder {}; mount it, or make it", folder);
  }
  return std::make_unique<FolderRemote>(folder);
}

}  // namespace iris::remote
