// A file that has no name until it is whole: a copy is made, verified, and only then published. If
// the program is killed before, the kernel drops the draft; nothing half-written is left behind.
//
//   auto draft = Draft::copy_of(source, target.parent_path());
//   if (draft && draft->md5() == digest) draft->publish(target, 0644);
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace iris::dataset {

class Draft {
 public:
  // Copies a regular file into an unnamed file in `folder`, which is made when missing.
  static Result<Draft> copy_of(const std::filesystem::path& source,
                               const std::filesystem::path& folder);

  Draft(Draft&& other) noexcept;
  Draft& operator=(Draft&& other) = delete;
  ~Draft();

  // Opens the draft for reading, as long as this object lives.
  std::string path() const;
  // Of the bytes that were written.
  const std::string& md5() const { return md5_; }

  // Gives the draft its name, within the folder it was made in; replaces what has the name, at
  // once. The mode is that of the file, less the user's umask.
  Result<void> publish(const std::filesystem::path& target, mode_t mode);

 private:
  Draft(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}

  int fd_;
  std::string md5_;
  std::string name_;  // of a draft on a file system that knows no unnamed files
};

}  // namespace iris::dataset
