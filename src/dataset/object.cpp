#include "dataset/object.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/digest.hpp"

namespace iris::dataset {
namespace {

// DVC decides anew for each chunk of this size whether it is text, by its first bytes.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kLookedAtBytes = 512;

bool is_text(std::string_view chunk) {
  const auto looked_at = chunk.substr(0, kLookedAtBytes);
  if (looked_at.find('\0') != std::string_view::npos) return false;
  const auto strange = std::count_if(looked_at.begin(), looked_at.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 32 || byte > 126) &&
           std::string_view("\n\r\t\f\b").find(c) == std::string_view::npos;
  });
  return strange * 10 <= static_cast<std::ptrdiff_t>(looked_at.size()) * 3;  // at most 30 %
}

void without_carriage_returns(std::string_view chunk, std::string& text) {
  text.clear();
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    const bool dropped = chunk[i] == '\r' && i + 1 < chunk.size() && chunk[i + 1] == '\n';
    if (!dropped) text += chunk[i];
  }
}

}  // namespace

std::string ObjectId::key() const {
  return (dvc2 ? "" : "files/md5/") + md5.substr(0, 2) + "/" + md5.substr(2) +
         (listing ? ".dir" : "");
}

Result<std::string> digest_of_file(const std::string& path, bool dvc2) {
  if (!dvc2) return md5_hex_of_file(path);
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!file) return input_error("{}: cannot open: {}", path, std::strerror(errno));
  auto digest = Digest::md5();
  std::vector<char> buffer(kChunkBytes);
  std::string text;
  struct stat status {};
  if (::fstat(::fileno(file.get()), &status) != 0) {
    return input_error("{}: cannot read: {}", path, std::strerror(errno));
  }
  // What the kernel makes up while it is read, as in /proc, may have no end.
  auto left = static_cast<std::uint64_t>(status.st_size);
  std::size_t size = 0;
  while (left > 0 &&
         (size = std::fread(buffer.data(), 1, std::min<std::uint64_t>(left, buffer.size()),
                            file.get())) > 0) {
    left -= size;
    const std::string_view chunk(buffer.data(), size);
    if (is_text(chunk)) {
      without_carriage_returns(chunk, text);
      digest.update(text);
    } else {
      digest.update(chunk);
    }
  }
  if (std::ferror(file.get()) != 0) {
    return input_error("{}: cannot read: {}", path, std::strerror(errno));
  }
  return digest.hex();
}

bool is_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

bool file_matches(const std::filesystem::path& path, const ObjectId& object) {
  if (!is_file(path)) return false;
  const auto found = digest_of_file(path.string(), object.dvc2);
  return found && *found == object.md5;
}

Result<bool> object_matches(const std::filesystem::path& cache, const ObjectId& object) {
  namespace fs = std::filesystem;
  fs::path at = cache;
  for (const fs::path& part : fs::path(object.key()).parent_path()) {
    at /= part;
    std::error_code ignored;
    if (fs::is_symlink(at, ignored)) {
      return input_error("{}: found a link, expected a folder of the cache; remove it",
                         at.string());
    }
  }
  const fs::path file = cache / object.key();
  std::error_code ignored;
  return !fs::is_symlink(file, ignored) && file_matches(file, object);
}

}  // namespace iris::dataset
