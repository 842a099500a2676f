// How a file of the working folder gets its content from the cache: DVC's cache.type.
//
//   const auto types = parse_link_types("hardlink,copy");
//   if (types) link_object(cache / id.key(), target, *types, executable);
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace iris::dataset {

enum class LinkType {
  kReflink,   // a file of its own that shares the blocks (btrfs, XFS)
  kHardlink,  // the object itself under a second name, read-only as the cache is
  kSymlink,
  kCopy,
};

// DVC's default.
inline const std::vector<LinkType> kDefaultLinkTypes{LinkType::kReflink, LinkType::kCopy};

// Names with commas between them.
Result<std::vector<LinkType>> parse_link_types(std::string_view text);

// Gives `target` the content of `object` in the first of these ways that the file systems allow,
// and replaces what has the name, at once. Makes missing folders. The object's digest is not taken
// again. A file of its own gets the user's permissions, a link keeps those of the object; as DVC
// does, `executable` lets the owner run the object itself where that is a link.
Result<void> link_object(const std::filesystem::path& object, const std::filesystem::path& target,
                         const std::vector<LinkType>& types, bool executable);

}  // namespace iris::dataset
