#include "dataset/object.hpp"

#include <algorithm>
#include <string_view>
#include <system_error>

#include "base/digest.hpp"
#include "base/file.hpp"

namespace iris::dataset {
namespace {

// DVC decides anew for each MiB whether it is text, by its first bytes.
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
  auto digest = Digest::md5();
  std::string text;
  const auto read = read_chunks(path, [&](std::string_view chunk) {
    if (is_text(chunk)) {
      without_carriage_returns(chunk, text);
      digest.update(text);
    } else {
      digest.update(chunk);
    }
  });
  if (!read) return tl::unexpected(read.error());
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
