// The `.dir` object of a DVC directory: its files and their digests, as JSON.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace iris::dataset {

// One file of a directory's listing.
struct ListedFile {
  std::string path;  // from the directory, normal, within it
  std::string md5;
};

// Reads a `.dir` object: a JSON list of {"md5", "relpath"}. Refuses paths that leave the directory
// and paths that come twice. `name` stands for the object in messages.
Result<std::vector<ListedFile>> parse_listing(const std::string& text, const std::string& name);

// Writes one, byte for byte as DVC does (Python's json.dumps, sorted by path), so that it has the
// same digest.
std::string listing_text(std::vector<ListedFile> files);

}  // namespace iris::dataset
