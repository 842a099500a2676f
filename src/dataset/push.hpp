// Sends what DVC files name from the cache, or the working folder, to their remotes.
//
//   const auto results = push(*repository, outs, {});
//
// What a remote has already, by size and by the digest that it gives, is not sent again. Content is
// verified before it leaves. A directory's listing is sent last, so that its presence means, as it
// does for DVC, that all its files are there.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "dataset/dvc.hpp"
#include "dataset/transfer.hpp"

namespace iris::dataset {

struct PushResult {
  std::size_t objects = 0;  // of a directory: its files and its listing
  std::size_t sent = 0;     // of them; the others were there
  std::uint64_t bytes_sent = 0;
  // kInput: content is neither in the cache nor, unchanged, in the working folder.
  // kEnvironment: the remote cannot be reached or does not take it.
  std::optional<Error> error;
};

// One result for each output.
std::vector<PushResult> push(const DvcRepository& repository, const std::vector<DvcOut>& outs,
                             const TransferOptions& options);

}  // namespace iris::dataset
