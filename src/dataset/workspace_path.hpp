// Which paths of the working folder an output may have. What a .dvc file, a dvc.lock or a listing
// names comes from others: a path must neither leave the repository nor reach what git, DVC or
// another program reads as its own settings, because such settings run programs.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

namespace iris::dataset {

// Why no output may be there; empty when it may. `path` is relative, with slashes, and is not
// normalised: a part that is "..", "." or empty is refused. The rules for .git are those of git's
// verify_path on every file system: any case, spaces and dots at the end, "git~1", streams of NTFS,
// and the code points that HFS+ ignores.
std::string_view refused_path(std::string_view path);

// True for the name of a file that git or DVC reads: x.dvc, dvc.yaml, dvc.lock, .dvcignore,
// .gitignore, .gitattributes, .gitmodules. A tracked folder may hold new ones, as it does for DVC;
// an output is none, and none that is there is replaced.
bool is_settings_file(std::string_view path);

// As refused_path, for the folder that a file would be written to, with links followed.
std::string_view refused_place(const std::filesystem::path& root,
                               const std::filesystem::path& file);

// A folder that holds what git takes for a repository (HEAD with objects and refs, or with
// commondir) once the files are there; empty when there is none. The files are absolute.
std::filesystem::path nested_repository(const std::filesystem::path& root,
                                        const std::set<std::filesystem::path>& files);

}  // namespace iris::dataset
