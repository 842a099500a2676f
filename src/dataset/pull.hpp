// Brings a DVC output into the working folder from the cache or its remote, every byte verified.
//
//   const PullResult result = pull(*repository, out);
//   if (result.error) …
//
// An object goes to DVC's cache first, so that `dvc status` agrees afterwards, and from there to
// its place. Files that already match are left alone. A file that differs is replaced; what it held
// goes to the cache, so that nothing is lost. Of a directory nothing is written before all of its
// objects are there. A file appears under its name only when it is whole (draft.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "dataset/dvc.hpp"

namespace iris::dataset {

struct PullResult {
  bool fetched = false;   // false without an error: it was up to date
  std::size_t files = 0;  // of a directory; 1 of a file
  std::uint64_t bytes = 0;
  std::vector<std::string> notes;  // one sentence each: what the user should know
  // kInput: a missing or broken object, named with its remote's path, its digests and the file that
  // names it. kEnvironment: the remote cannot be reached or the disk not written.
  std::optional<Error> error;
};

PullResult pull(const DvcRepository& repository, const DvcOut& out);

// One file of a directory's listing.
struct ListedFile {
  std::string path;  // from the directory, normal, within it
  std::string md5;
};

// Reads a `.dir` object: a JSON list of {"md5", "relpath"}. Refuses paths that leave the directory
// and paths that come twice. `name` stands for the object in messages.
Result<std::vector<ListedFile>> parse_listing(const std::string& text, const std::string& name);

}  // namespace iris::dataset
