// Bodies of POST /predict, read by simdjson and by nlohmann-json: what the service accepts is JSON,
// and its numbers are those that a document tree gives.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "http/request.hpp"
#include "serve/instances.hpp"

namespace {

using nlohmann::json;

void require(bool holds) {
  if (!holds) std::abort();
}

const iris::model::Signature& signature() {
  static const iris::model::Signature value{{"width", "height"}, {"a", "b"}};
  return value;
}

void compare(const json& document, const iris::serve::Instances& instances) {
  const auto& rows = document.at("instances");
  require(rows.size() == instances.rows && instances.values.size() == 2 * instances.rows);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t feature = 0; feature < 2; ++feature) {
      const auto& cell = rows[row].is_array() ? rows[row].at(feature)
                                              : rows[row].at(signature().feature_names[feature]);
      require(static_cast<float>(cell.get<double>()) == instances.values[2 * row + feature]);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static iris::serve::InstancesParser parser(signature());
  static iris::serve::Instances instances;
  if (size > 4096) return 0;
  std::string body(reinterpret_cast<const char*>(data), size);
  body.append(iris::http::kBodyPadding, '\0');
  const std::string_view text(body.data(), size);
  const bool accepted = parser.parse(text, instances);
  if (!accepted) {
    require(!parser.rejection().message.empty());
    // The message becomes part of a JSON answer and must be UTF-8; dump() throws when it is not.
    require(!json(parser.rejection().message).dump().empty());
    return 0;
  }
  const json document = json::parse(text.begin(), text.end(), nullptr, false);
  require(!document.is_discarded());
  compare(document, instances);
  return 0;
}
