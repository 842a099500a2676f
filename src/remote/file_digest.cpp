#include "remote/file_digest.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/thread.hpp"

namespace iris::remote {
namespace {

constexpr std::uint64_t kBlockBytes = std::uint64_t{256} << 10;
constexpr std::uint64_t kSpanBytes = std::uint64_t{1} << 20;    // what the thread wakes for
constexpr std::uint64_t kThreadBytes = std::uint64_t{4} << 20;  // from here on a thread pays
constexpr std::uint64_t kBehindBytes = std::uint64_t{256} << 20;

}  // namespace

void FileDigest::grown_to(std::uint64_t size) {
  std::unique_lock lock(mutex_);
  size_ = size;
  if (size_ - digested_ >= kThreadBytes && !std::exchange(tried_, true)) {
    following_ = true;
    if (auto thread = start_thread([this] { follow(); })) {
      thread_ = std::move(*thread);
    } else {
      following_ = false;  // hex() does all of it
    }
  }
  if (!following_) return;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !following_ || size_ - digested_ <= kBehindBytes; });
}

void FileDigest::follow() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || size_ - digested_ >= kSpanBytes; });
    if (stopping_ || error_) break;
    const std::uint64_t begin = digested_;
    lock.unlock();
    const std::uint64_t end = digest_span(begin, begin + kSpanBytes);
    lock.lock();
    digested_ = end;
    changed_.notify_all();
  }
  following_ = false;
  changed_.notify_all();
}

std::uint64_t FileDigest::digest_span(std::uint64_t begin, std::uint64_t end) {
  block_.resize(
      std::max(block_.size(), static_cast<std::size_t>(std::min(end - begin, kBlockBytes))));
  while (begin < end) {
    const std::size_t most =
        static_cast<std::size_t>(std::min<std::uint64_t>(end - begin, block_.size()));
    const ssize_t size = ::pread(fd_, block_.data(), most, static_cast<off_t>(begin));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      error_ = size == 0 ? "it became shorter" : std::strerror(errno);
      break;
    }
    digest_.update({block_.data(), static_cast<std::size_t>(size)});
    begin += static_cast<std::uint64_t>(size);
  }
  return begin;
}

void FileDigest::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  stopping_ = false;
}

void FileDigest::restart() {
  stop();
  digest_ = Digest::md5();
  error_.reset();
  size_ = digested_ = 0;
  tried_ = false;
}

Result<std::string> FileDigest::hex() {
  stop();
  if (!error_) digested_ = digest_span(digested_, size_);
  if (error_) return environment_error("cannot read it again: {}", *error_);
  return digest_.hex();
}

}  // namespace iris::remote
