// What a DVC repository names: its remotes, and every output with its digest. Reads DVC's config
// files (the system's, the user's, `.dvc/config` and `.dvc/config.local`; later ones win), `*.dvc`
// files, and `dvc.lock` with the `dvc.yaml` beside it (only the latter says which outputs are not
// cached). Keys that DVC may add are ignored.
//
//   auto repository = open_dvc_repository(".");
//   auto named = read_dvc_outs(*repository);
//
// Formats: dvc.org/doc/user-guide/project-structure; what DVC 3 writes (`hash: md5`), and outputs
// of DVC 2 (no `hash`).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "dataset/link.hpp"
#include "dataset/object.hpp"
#include "remote/remote.hpp"

namespace iris::dataset {

// A config file of one level.
struct DvcConfigFile {
  std::string name;              // for messages
  std::filesystem::path folder;  // absolute; relative paths in it are taken from there
  bool is_users = false;         // the user's own or the system's: not what a repository brings
};

// A remote as the config files have it; its URL may refer to another one.
struct DvcRemote {
  remote::RemoteSettings settings{};
  bool secret_is_users = false;       // the password is from the user's own configuration
  bool place_is_repositorys = false;  // the URL is the repository's
  bool tls_is_repositorys = false;    // so is the choice to check the server's certificate or not
};

struct DvcRepository {
  std::filesystem::path root;                             // the folder that holds .dvc, canonical
  std::filesystem::path cache;                            // the cache's folder (cache.dir)
  std::vector<LinkType> cache_types = kDefaultLinkTypes;  // cache.type, the first that is possible
  std::string default_remote;                             // core.remote, lower case; may be empty
  bool uses_git = true;                                   // not core.no_scm
  std::map<std::string, DvcRemote> remotes;               // by name, lower case
};

// An output whose content is addressed by its digest.
struct DvcOut {
  std::string path;        // from the root, normal, within it
  std::string within;      // of a directory: only the file or folder there; empty: all of it
  std::string named_by;    // the file that names it, from the root: "data/data.csv.dvc", "dvc.lock"
  std::string md5;         // 32 lower-case hexadecimal digits
  bool directory = false;  // the digest is that of a listing
  bool dvc2 = false;       // digest and place are those of DVC 2
  bool executable = false;
  std::string remote;   // empty: the default one
  std::string skipped;  // why it is left alone: what it is, and what to do; empty otherwise

  // The output itself: a file's content, or a directory's listing.
  ObjectId object() const { return {md5, directory, dvc2}; }
  // True when a file of a directory's listing is asked for.
  bool wants(std::string_view file) const;
};

// A DVC file that could not be read, or names what no output may be.
struct DvcFault {
  std::string named_by;  // from the root
  Error error;           // kGate: it is not understood; kInput: it is refused
};

struct DvcNames {
  std::vector<DvcOut> outs;  // sorted by path
  std::vector<DvcFault> faults;
};

// Finds the repository that `folder` is in, from there upwards.
Result<DvcRepository> open_dvc_repository(const std::filesystem::path& folder);

// Every output that is cached (`cache: false` is left out) and pushed (`push: false` is left out).
// What is no object of a remote of this repository has `skipped` and no digest. As DVC does,
// entries of dvc.lock that dvc.yaml has no more are left out, and files are not looked for in what
// .dvcignore and git ignore, in tracked folders and in repositories within this one.
DvcNames read_dvc_outs(const DvcRepository& repository);

struct DvcSelection {
  std::vector<DvcOut> outs;
  std::vector<DvcFault> faults;  // of the files that the target stands for
};

// What a target stands for: a .dvc file, dvc.lock or dvc.yaml, an output, a file or folder within
// one, or a folder above outputs. `target` is absolute or relative to `folder`. Fails when it
// stands for nothing.
Result<DvcSelection> select_dvc_outs(const DvcRepository& repository, const DvcNames& names,
                                     const std::filesystem::path& folder,
                                     const std::string& target);

// The remote of this name (empty: the default one). A password of the user's own configuration goes
// to a server that the repository names only when RemoteOptions allow the host.
Result<std::unique_ptr<remote::Remote>> open_dvc_remote(const DvcRepository& repository,
                                                        const std::string& name,
                                                        const remote::RemoteOptions& options);

// Reads the config files of all levels.
Result<void> read_dvc_configs(DvcRepository& repository);

// The text of a file that dvc.yaml takes values from, relative to dvc.yaml's folder; nothing when
// it is not there or not of this repository.
using DvcFileReader =
    std::function<std::optional<std::string>(const std::filesystem::path& relative)>;

// 32 lower-case hexadecimal digits.
bool is_md5(std::string_view text);

// The parts of the above that read text, for tests and fuzzing. `name` is the file from the root.
Result<void> read_dvc_config(const std::string& text, const DvcConfigFile& file,
                             DvcRepository& repository);
Result<std::vector<DvcOut>> parse_dvc_file(const std::string& text, const std::string& name);
Result<std::vector<DvcOut>> parse_dvc_lock(const std::string& lock_text,
                                           const std::string& pipeline_text,
                                           const std::string& name,
                                           const DvcFileReader& read_file = {});

}  // namespace iris::dataset
