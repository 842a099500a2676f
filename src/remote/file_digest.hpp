// The MD5 of a file while it grows. A second thread reads what was written, which is still in the
// page cache, so that a large file is digested by the time it is whole; and what is digested is
// what is in the file, not what was meant to be. A small file needs no thread.
//
//   FileDigest digest(fd);
//   … write … digest.grown_to(size);
//   const auto md5 = digest.hex();
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/digest.hpp"

namespace iris::remote {

class FileDigest {
 public:
  // The file stays open for reading as long as this object lives.
  explicit FileDigest(int fd) : fd_(fd) {}
  FileDigest(const FileDigest&) = delete;
  FileDigest& operator=(const FileDigest&) = delete;
  ~FileDigest() { stop(); }

  // The file has at least `size` bytes, which do not change any more. Waits when the digest is so
  // far behind that the page cache might lose them.
  void grown_to(std::uint64_t size);
  // The file begins anew, empty.
  void restart();
  // Of the bytes so far. Nothing can follow but restart(). Fails when they cannot be read.
  Result<std::string> hex();

 private:
  void follow();
  // Returns how far it came: to `end`, unless there was an error.
  std::uint64_t digest_span(std::uint64_t begin, std::uint64_t end);
  void stop();

  const int fd_;
  // Of the second thread while there is one.
  Digest digest_ = Digest::md5();
  std::vector<char> block_{};
  std::optional<std::string> error_{};  // why the file could not be read

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t size_ = 0;
  std::uint64_t digested_ = 0;
  bool following_ = false;  // the thread reads on
  bool stopping_ = false;
  bool tried_ = false;  // to start the thread
  std::thread thread_;
};

}  // namespace iris::remote
