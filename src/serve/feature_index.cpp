#include "serve/feature_index.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace iris::serve {
namespace {

constexpr std::size_t kNamesInMessage = 8;

}  // namespace

std::string FeatureIndex::text() const {
  if (names_.size() <= kNamesInMessage) return fmt::format("{}", fmt::join(names_, ", "));
  return fmt::format("{}, … ({} in all)",
                     fmt::join(names_.begin(), names_.begin() + kNamesInMessage, ", "),
                     names_.size());
}

}  // namespace iris::serve
