// Are the objects that DVC files name in their remotes, with the right digests? Nothing is written
// but what is needed to look: where the service gives no digest, the object is downloaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "dataset/dvc.hpp"
#include "dataset/transfer.hpp"

namespace iris::dataset {

struct RemoteCheck {
  std::size_t objects = 0;            // of a directory: its files and its listing
  std::size_t downloaded = 0;         // of them, to learn the digest
  std::vector<std::string> faults{};  // one sentence for each missing or broken object
  std::optional<Error> error{};       // why not all could be checked
};

// One result for each output.
std::vector<RemoteCheck> check_remote(const DvcRepository& repository,
                                      const std::vector<DvcOut>& outs,
                                      const TransferOptions& options);

}  // namespace iris::dataset
