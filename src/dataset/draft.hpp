// A file that has no name until it is whole: it is filled, verified, and only then published. If
// the program is killed before, the kernel drops the draft; nothing half-written is left behind.
//
//   auto draft = Draft::copy_of(source, target.parent_path());
//   if (draft && draft->md5() == digest) draft->publish(target, 0644);
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace iris::dataset {

class Draft {
 public:
  // An empty one in `folder`, which is made when missing.
  static Result<Draft> in(const std::filesystem::path& folder);
  // Copies a regular file into one, and takes its digest.
  static Result<Draft> copy_of(const std::filesystem::path& source,
                               const std::filesystem::path& folder);

  Draft(Draft&& other) noexcept;
  Draft& operator=(Draft&& other) = delete;
  ~Draft();

  // Fills an empty draft from an open file: shares its blocks, or copies them. False: see errno.
  bool share(int from) const;
  bool copy(int from) const;

  // Opens the draft for reading, as long as this object lives.
  std::string path() const;
  // Of the bytes that copy_of() wrote.
  const std::string& md5() const { return md5_; }

  // Gives the draft its name, within the folder it was made in; replaces what has the name, at
  // once. The mode is that of the file, less the user's umask.
  Result<void> publish(const std::filesystem::path& target, mode_t mode);

 private:
  Draft(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  Fd fd_;
  std::string md5_;
  std::string name_;  // of a draft on a file system that knows no unnamed files
};

// Makes a file or link by `make`, which replaces nothing, and gives it the name `target`; what has
// the name is replaced at once. False: see errno.
bool give_name(const std::filesystem::path& target, const std::function<bool(const char*)>& make);

// `number` is errno's.
tl::unexpected<Error> cannot_write(const std::filesystem::path& path, int number);

}  // namespace iris::dataset
