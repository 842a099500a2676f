// The record file of a run (docs/records.md): one JSON object a line, each flushed when written.
#pragma once

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace iris::scale {

// Fields keep the order in which they were set: people read these files too.
using Record = nlohmann::ordered_json;

class RecordFile {
 public:
  // Makes the folder. A file of this name is kept, as <name>.<its last change>.jsonl.
  static Result<RecordFile> create(const std::string& path);

  // Puts `v` and `type` before the fields. A failure (a full disk) is kept for close().
  void append(const char* type, const Record& fields);
  Result<void> close();

  const std::string& path() const { return path_; }

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  bool failed_ = false;
};

}  // namespace iris::scale
