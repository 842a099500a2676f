// A download on its way: a file that is continued by the next try, or by the next run, where this
// one ended, and that gets its name only when it is whole and verified.
//
//   auto file = PartialFile::open(folder / "cdef.part", {});
//   … remote.get(key, **file) …
//   if (const auto md5 = (*file)->md5(); md5 && *md5 == expected) (*file)->publish(target, 0444);
//
// The file is locked: a second process that wants the same object waits for the first.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "base/fd.hpp"
#include "remote/file_digest.hpp"
#include "remote/remote.hpp"

namespace iris::remote {

class PartialFile final : public ByteSink {
 public:
  struct Watcher {
    std::function<void(std::int64_t)> on_bytes{};    // less than 0: forgotten again
    std::function<void(std::uint64_t)> on_expect{};  // the size of the whole, from the first byte
  };

  // Makes the folder and the file when they are missing.
  static Result<std::unique_ptr<PartialFile>> open(const std::filesystem::path& path,
                                                   Watcher watcher);
  // Keeps the file when it holds anything.
  ~PartialFile() override;

  std::uint64_t size() const override { return size_; }
  Result<void> append(std::string_view bytes) override;
  Result<void> append_file(int file, const std::filesystem::path& source) override;
  Result<void> restart() override;
  void expect(std::uint64_t bytes) override;

  // How much of it was there when it was opened.
  std::uint64_t found_bytes() const { return found_bytes_; }
  // Of everything, as it is in the file; nothing can be appended afterwards.
  Result<std::string> md5();
  const std::filesystem::path& path() const { return path_; }

  // Moves the file to its name on the same file system, replacing what has it. The mode is less the
  // user's umask.
  Result<void> publish(const std::filesystem::path& target, mode_t mode);
  void discard();

 private:
  PartialFile(std::filesystem::path path, Fd fd, Watcher watcher);
  Result<void> take_what_is_there();
  Result<void> check_size(std::uint64_t more) const;
  void grown_by(std::uint64_t bytes);

  std::filesystem::path path_;
  Fd fd_;
  Watcher watcher_;
  FileDigest digest_;  // ends before the file is closed
  std::uint64_t size_ = 0;
  std::uint64_t found_bytes_ = 0;
  bool expectation_told_ = false;  // each try learns the size again
};

}  // namespace iris::remote
