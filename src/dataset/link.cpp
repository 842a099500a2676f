#include "dataset/link.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "base/fd.hpp"
#include "dataset/draft.hpp"
#include "dataset/table.hpp"

namespace iris::dataset {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0666;
constexpr mode_t kProgramMode = 0777;

constexpr std::array<std::pair<std::string_view, LinkType>, 4> kNames{{
    {"reflink", LinkType::kReflink},
    {"hardlink", LinkType::kHardlink},
    {"symlink", LinkType::kSymlink},
    {"copy", LinkType::kCopy},
}};

std::string_view name_of(LinkType type) {
  for (const auto& [name, named] : kNames) {
    if (named == type) return name;
  }
  return "";
}

// True when another way may be possible where this one is not (dvc_objects/fs/generic.py); DVC ends
// when an object has as many names as the file system allows, where the next way does as well.
bool is_not_possible(int error) {
  switch (error) {
    case EPERM:
    case EOPNOTSUPP:
    case EXDEV:
    case ENOTTY:
    case ENOSYS:
    case EINVAL:
    case EAGAIN:
    case EMLINK:
      return true;
    default:
      return false;
  }
}

class Linker {
 public:
  Linker(const fs::path& object, const fs::path& target, bool executable)
      : object_(object), target_(target), executable_(executable) {}

  // False when this way is not possible here; error() says why.
  Result<bool> link(LinkType type) {
    switch (type) {
      case LinkType::kReflink:
        return own_file([](int from, const Draft& draft) { return draft.share(from); });
      case LinkType::kCopy:
        return own_file([](int from, const Draft& draft) { return draft.copy(from); });
      case LinkType::kHardlink:
        return hardlink();
      case LinkType::kSymlink:
        return give([&](const char* name) { return ::symlink(object_.c_str(), name) == 0; });
    }
    return false;
  }
  int error() const { return error_; }

 private:
  template <class Fill>
  Result<bool> own_file(const Fill& fill) {
    const Fd from(::open(object_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!from) return input_error("{}: cannot open: {}", object_.string(), std::strerror(errno));
    auto draft = Draft::in(target_.parent_path());
    if (!draft) return tl::unexpected(draft.error());
    if (!fill(from.get(), *draft)) return failed();
    auto done = draft->publish(target_, executable_ ? kProgramMode : kFileMode);
    if (!done) return tl::unexpected(done.error());
    return true;
  }

  // Empty objects are all the same one, which would soon have too many names: DVC makes a file.
  Result<bool> hardlink() {
    std::error_code code;
    if (fs::file_size(object_, code) == 0) return link(LinkType::kCopy);
    return give([&](const char* name) {
      return ::linkat(AT_FDCWD, object_.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
    });
  }

  template <class Make>
  Result<bool> give(const Make& make) {
    if (!give_name(target_, make)) return failed();
    struct stat status {};
    if (executable_ && ::stat(object_.c_str(), &status) == 0) {
      // In a cache that others share it may not be ours; DVC goes on, too.
      [[maybe_unused]] const int ignored = ::chmod(object_.c_str(), status.st_mode | S_IXUSR);
    }
    return true;
  }

  Result<bool> failed() {
    error_ = errno;
    if (is_not_possible(error_)) return false;
    return cannot_write(target_, error_);
  }

  const fs::path& object_;
  const fs::path& target_;
  const bool executable_;
  int error_ = 0;
};

}  // namespace

Result<std::vector<LinkType>> parse_link_types(std::string_view text) {
  std::vector<LinkType> types;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string_view name = text.substr(begin, end - begin);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                     [&](const auto& known) { return known.first == name; });
    if (found == kNames.end()) {
      return input_error(
          "found the cache type {}, expected reflink, hardlink, symlink or copy, or several of "
          "them "
          "with commas",
          in_quotes(name));
    }
    types.push_back(found->second);
    begin = end + 1;
  }
  return types;
}

Result<void> link_object(const fs::path& object, const fs::path& target,
                         const std::vector<LinkType>& types, bool executable) {
  std::error_code code;
  fs::create_directories(target.parent_path(), code);
  if (code) {
    return environment_error("{}: cannot make the folder: {}", target.parent_path().string(),
                             code.message());
  }
  Linker linker(object, target, executable);
  std::string tried;
  for (const LinkType type : types) {
    const auto done = linker.link(type);
    if (!done) return tl::unexpected(done.error());
    if (*done) return {};
    tried += fmt::format("{}{} ({})", tried.empty() ? "" : ", ", name_of(type),
                         std::strerror(linker.error()));
  }
  return environment_error(
      "{}: cannot link it to {}: {}; 'dvc config cache.type' takes another way, such as copy",
      target.string(), object.string(), tried);
}

}  // namespace iris::dataset
