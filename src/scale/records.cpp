#include "scale/records.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace iris::scale {
namespace {

constexpr int kVersion = 1;

// results/scaling.jsonl, last changed at 12:00:00 → results/scaling.2025-01-31T12-00-00Z.jsonl
std::string kept_name(const std::filesystem::path& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  auto stamp = to_rfc3339(WallTime(std::chrono::seconds(status.st_mtim.tv_sec)));
  for (char& c : stamp) c = c == ':' ? '-' : c;
  auto kept = path.parent_path() / (path.stem().string() + "." + stamp + path.extension().string());
  for (int i = 2; std::filesystem::exists(kept); ++i) {
    kept.replace_filename(
        fmt::format("{}.{}-{}{}", path.stem().string(), stamp, i, path.extension().string()));
  }
  return kept.string();
}

}  // namespace

Result<RecordFile> RecordFile::create(const std::string& path) {
  const std::filesystem::path target(path);
  std::error_code code;
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), code);
  if (!code && std::filesystem::exists(target)) {
    std::filesystem::rename(target, kept_name(target), code);
  }
  if (code) return input_error("{}: cannot make room for it: {}", path, code.message());
  RecordFile records;
  records.path_ = path;
  records.file_.reset(std::fopen(path.c_str(), "we"));
  if (!records.file_) return input_error("{}: cannot write: {}", path, std::strerror(errno));
  return records;
}

void RecordFile::append(const char* type, const Record& fields) {
  Record record = {{"v", kVersion}, {"type", type}};
  record.update(fields);
  // A child's output may hold any bytes; a record is UTF-8.
  const auto line = record.dump(-1, ' ', false, Record::error_handler_t::replace) + "\n";
  const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size();
  if (!written || std::fflush(file_.get()) != 0) failed_ = true;
}

Result<void> RecordFile::close() {
  const bool closed = std::fclose(file_.release()) == 0;
  if (failed_ || !closed) {
    return environment_error("{}: cannot write all records; is the disk full?", path_);
  }
  return {};
}

}  // namespace iris::scale
