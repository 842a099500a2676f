// What a DVC repository names: its remotes, and every output with its digest. Reads `.dvc/config`
// (and `.dvc/config.local`, which wins), `*.dvc` files, and `dvc.lock` with the `dvc.yaml` beside
// it (only the latter says which outputs are not cached). Keys that DVC may add are ignored.
//
//   auto repository = open_dvc_repository(".");
//   auto outs = read_dvc_outs(*repository);
//
// Formats: dvc.org/doc/user-guide/project-structure; what DVC 3 writes (`hash: md5`), and outputs
// of DVC 2 (no `hash`).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "dataset/link.hpp"
#include "dataset/object.hpp"
#include "remote/remote.hpp"

namespace iris::dataset {

struct DvcRepository {
  std::filesystem::path root;                             // the folder that holds .dvc, canonical
  std::filesystem::path cache;                            // the cache's folder (cache.dir)
  std::vector<LinkType> cache_types = kDefaultLinkTypes;  // cache.type, the first that is possible
  std::string default_remote;                             // core.remote; may be empty
  std::map<std::string, remote::RemoteSettings> remotes;  // by name, as the files have them
};

// An output whose content is addressed by its digest.
struct DvcOut {
  std::string path;        // from the root, normal, within it
  std::string named_by;    // the file that names it, from the root: "data/data.csv.dvc", "dvc.lock"
  std::string md5;         // 32 lower-case hexadecimal digits
  bool directory = false;  // the digest is that of a listing
  bool dvc2 = false;       // digest and place are those of DVC 2
  bool executable = false;
  std::string remote;   // empty: the default one
  std::string skipped;  // why it is left alone: what it is, and what to do; empty otherwise

  // The output itself: a file's content, or a directory's listing.
  ObjectId object() const { return {md5, directory, dvc2}; }
};

// Finds the repository that `folder` is in, from there upwards.
Result<DvcRepository> open_dvc_repository(const std::filesystem::path& folder);

// Every output that is cached (`cache: false` is left out) and pushed (`push: false` is left out),
// sorted by path. What is no object of a remote of this repository has `skipped` and no digest. As
// DVC does, entries of dvc.lock that dvc.yaml has no more are left out. Hidden folders, `build` and
// repositories within this one are not looked into.
Result<std::vector<DvcOut>> read_dvc_outs(const DvcRepository& repository);

// The outputs that a target stands for: a .dvc file, dvc.lock or dvc.yaml, an output, or a folder
// above outputs. `target` is absolute or relative to `folder`. Fails when it stands for none.
Result<std::vector<DvcOut>> select_dvc_outs(const DvcRepository& repository,
                                            const std::vector<DvcOut>& outs,
                                            const std::filesystem::path& folder,
                                            const std::string& target);

// The remote of this name (empty: the default one). A relative URL is taken from .dvc, as DVC does.
Result<std::unique_ptr<remote::Remote>> open_dvc_remote(const DvcRepository& repository,
                                                        const std::string& name,
                                                        const remote::RemoteOptions& options);

// 32 lower-case hexadecimal digits.
bool is_md5(std::string_view text);

// The parts of the above that read text, for tests and fuzzing. `name` is the file from the root.
Result<void> read_dvc_config(const std::string& text, const std::string& name,
                             DvcRepository& repository);
Result<std::vector<DvcOut>> parse_dvc_file(const std::string& text, const std::string& name);
Result<std::vector<DvcOut>> parse_dvc_lock(const std::string& lock_text,
                                           const std::string& pipeline_text,
                                           const std::string& name);

}  // namespace iris::dataset
