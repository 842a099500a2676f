// An object of a DVC repository: content under the name of its digest, in the cache and in remotes.
//
// DVC 3 keeps it as files/md5/ab/cdef…, DVC 2 as ab/cdef…; the listing of a directory ends with
// ".dir". DVC 2's digest is of the text with Unix line ends when the content is text (DVC calls it
// md5-dos2unix; dvc_data/hashfile/hash.py, istextfile.py).
#pragma once

#include <sys/types.h>

#include <compare>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace iris::dataset {

// DVC protects the objects of its cache so.
inline constexpr mode_t kObjectMode = 0444;

struct ObjectId {
  std::string md5{};  // 32 lower-case hexadecimal digits
  bool listing = false;
  bool dvc2 = false;

  // Its path from the root of a cache or a remote.
  std::string key() const;
  auto operator<=>(const ObjectId&) const = default;
};

// The digest that a file's content has as an object of DVC 3, or of DVC 2.
Result<std::string> digest_of_file(const std::string& path, bool dvc2);
// True when there is a regular file of this name, or a link to one.
bool is_file(const std::filesystem::path& path);
// True when there is a regular file with this digest.
bool file_matches(const std::filesystem::path& path, const ObjectId& object);
// The same of the object in the cache, which is no link: a repository could make one of the user's
// files its object. Fails when a folder within the cache is a link.
Result<bool> object_matches(const std::filesystem::path& cache, const ObjectId& object);

}  // namespace iris::dataset
