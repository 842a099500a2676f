// What is done with the files of a cgroup file system; the tests give one that lives in memory and
// keeps the kernel's rules.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace iris::scale::local {

class CgroupFiles {
 public:
  CgroupFiles() = default;
  CgroupFiles(const CgroupFiles&) = delete;
  CgroupFiles& operator=(const CgroupFiles&) = delete;
  virtual ~CgroupFiles() = default;

  // Errors name the path and the system's reason.
  virtual Result<std::string> read(const std::string& path) const = 0;
  virtual Result<void> write(const std::string& path, const std::string& text) const = 0;
  virtual Result<void> make_folder(const std::string& path) const = 0;
  // Tries for a while: a group is busy for a moment after its last process has ended.
  virtual Result<void> remove_folder(const std::string& path) const = 0;
  virtual std::vector<std::string> list_folders(const std::string& path) const = 0;  // names
};

class SystemCgroupFiles final : public CgroupFiles {
 public:
  Result<std::string> read(const std::string& path) const override;
  Result<void> write(const std::string& path, const std::string& text) const override;
  Result<void> make_folder(const std::string& path) const override;
  Result<void> remove_folder(const std::string& path) const override;
  std::vector<std::string> list_folders(const std::string& path) const override;
};

}  // namespace iris::scale::local
