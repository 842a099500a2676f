#include "serve/v2_known_json.hpp"

namespace iris::serve {
namespace {

constexpr std::size_t kLongestJson = 1024;

}  // namespace

bool V2KnownJson::take(std::string_view json, std::string_view binary, V2Request& request) const {
  if (json_.empty() || json != json_) return false;
  request.values.resize(values_);
  for (const auto& tensor : tensors_) {
    const std::size_t bytes = tensor.count * tensor.datatype->bytes;
    if (bytes > binary.size()) return false;
    float* const first = request.values.data() + tensor.first;
    const std::size_t good =
        read_elements(*tensor.datatype, binary.data(), tensor.count, first, tensor.stride);
    if (good < tensor.count) return false;
    binary.remove_prefix(bytes);
  }
  if (!binary.empty()) return false;
  request.rows = said_.rows;
  request.id = id_;
  request.output_list = said_.output_list;
  request.output_count = said_.output_count;
  return true;
}

void V2KnownJson::forget() {
  json_.clear();
  tensors_.clear();
}

void V2KnownJson::keep(std::string_view json, const V2Request& request) {
  if (json.size() > kLongestJson) return;
  json_ = json;
  id_ = request.id;
  said_.rows = request.rows;
  said_.output_list = request.output_list;
  said_.output_count = request.output_count;
  values_ = request.values.size();
}

}  // namespace iris::serve
