// Brings DVC outputs into the working folder from the cache or their remotes, every byte verified.
//
//   const auto results = pull(*repository, outs, {});
//   if (results[0].error) …
//
// An object goes to DVC's cache first, so that `dvc status` agrees afterwards, and from there to
// its place. Files that already match are left alone. A file that differs is replaced; what it held
// goes to the cache, so that nothing is lost. Of a directory nothing is written before all of its
// objects are there. A file appears under its name only when it is whole (draft.hpp); what was
// received of an object that is not whole yet is continued by the next run (partial_file.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "dataset/dvc.hpp"
#include "dataset/transfer.hpp"

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

// One result for each output.
std::vector<PullResult> pull(const DvcRepository& repository, const std::vector<DvcOut>& outs,
                             const TransferOptions& options);

}  // namespace iris::dataset
