#include "serve/v2_known_json.hpp"

namespace iris::serve {
namespace {

// Of what is kept, which has neither the id nor the numbers.
constexpr std::size_t kLongestText = 1024;

}  // namespace

bool V2KnownJson::take(std::string_view json, std::string_view binary, V2Request& request) const {
  if (text_.empty()) return false;
  request.id.reset();
  JsonScanner scanner(json);
  std::string_view text = text_;
  for (const auto& part : parts_) {
    if (!scanner.take_exactly(text.substr(0, part.text_bytes))) return false;
    text.remove_prefix(part.text_bytes);
    if (part.tensor) {
      request.values.resize(said_values_);
      if (!take_numbers(*part.tensor, part.row, scanner, request.values)) return false;
    } else if (!scanner.take_string(request.id.emplace())) {
      return false;
    }
  }
  if (scanner.rest() != text) return false;
  request.values.resize(said_values_);
  if (!take_binaries(binary, request.values)) return false;
  request.rows = said_.rows;
  request.output_list = said_.output_list;
  request.output_count = said_.output_count;
  return true;
}

bool V2KnownJson::take_numbers(const TensorPlace& place, std::size_t row, JsonScanner& scanner,
                               std::vector<float>& values) {
  float* const first = values.data() + place.first;
  if (row == 0) return scanner.take_numbers(first, place.count, place.stride);
  if (!scanner.take('[')) return false;
  for (std::size_t i = 0; i < place.count; i += row) {
    if (i > 0 && !scanner.take(',')) return false;
    if (!scanner.take_numbers(first + i * place.stride, row, place.stride)) return false;
  }
  return scanner.take(']');
}

bool V2KnownJson::take_binaries(std::string_view binary, std::vector<float>& values) const {
  for (const auto& [place, datatype] : binaries_) {
    const std::size_t bytes = place.count * datatype->bytes;
    if (bytes > binary.size()) return false;
    float* const out = values.data() + place.first;
    const auto good = read_elements(*datatype, binary.data(), place.count, out, place.stride);
    if (good < place.count) return false;
    binary.remove_prefix(bytes);
  }
  return binary.empty();
}

void V2KnownJson::forget() {
  text_.clear();
  parts_.clear();
  binaries_.clear();
  whole_ = true;
}

void V2KnownJson::add_id(std::string_view text) {
  parts_.push_back({.text = text});
}

void V2KnownJson::add_numbers(const TensorPlace& place, std::string_view text, std::size_t row) {
  parts_.push_back({.text = text, .tensor = place, .row = row});
}

void V2KnownJson::add_binary(const TensorPlace& place, const Datatype& datatype) {
  binaries_.push_back({place, &datatype});
}

void V2KnownJson::keep(std::string_view json, const V2Request& request) {
  std::size_t text_bytes = json.size();
  for (const auto& part : parts_) text_bytes -= part.text.size();
  if (!whole_ || text_bytes > kLongestText) return;
  const char* at = json.data();
  for (auto& part : parts_) {
    part.text_bytes = static_cast<std::size_t>(part.text.data() - at);
    text_.append(at, part.text_bytes);
    at = part.text.data() + part.text.size();
    part.text = {};
  }
  text_.append(at, json.data() + json.size());
  said_.rows = request.rows;
  said_.output_list = request.output_list;
  said_.output_count = request.output_count;
  said_values_ = request.values.size();
}

}  // namespace iris::serve
