// Bodies of POST /v2/models/{m}/infer in JSON, read by simdjson and by nlohmann-json: what the
// service accepts is JSON, and its rows, id and outputs are those that a document tree gives.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "http/request.hpp"
#include "serve/v2_request.hpp"

namespace {

using iris::serve::V2Output;
using iris::serve::V2Request;
using nlohmann::json;

void require(bool holds) {
  if (!holds) std::abort();
}

const iris::model::Signature& signature() {
  static const iris::model::Signature value{{"width", "height"}, {"a", "b"}};
  return value;
}

// The numbers in the order in which they stand, however they nest.
void flatten(const json& data, std::vector<float>& numbers) {
  for (const auto& element : data) {
    if (element.is_array()) {
      flatten(element, numbers);
    } else {
      numbers.push_back(static_cast<float>(element.get<double>()));
    }
  }
}

void compare_inputs(const json& inputs, const V2Request& request) {
  require(request.rows >= 1 && request.values.size() == 2 * request.rows);
  for (const auto& input : inputs) {
    std::vector<float> numbers;
    flatten(input.at("data"), numbers);
    require(input.at("shape").at(0).get<std::size_t>() == request.rows);
    const auto name = input.at("name").get<std::string>();
    if (name == "input") {
      require(inputs.size() == 1 && numbers == request.values);
      continue;
    }
    require(inputs.size() == 2 && numbers.size() == request.rows);
    for (std::size_t row = 0; row < request.rows; ++row) {
      require(numbers[row] == request.values[2 * row + (name == "height" ? 1 : 0)]);
    }
  }
}

// A member, or null where it is absent.
json present(const json& object, const char* name) {
  return object.contains(name) ? object.at(name) : json();
}

void compare_outputs(const json& document, const V2Request& request) {
  const auto parameter = [](const json& of, const char* name, bool absent) {
    const json parameters = present(of, "parameters");
    const json value = parameters.is_null() ? json() : present(parameters, name);
    return value.is_null() ? absent : value.get<bool>();
  };
  const bool binary = parameter(document, "binary_data_output", false);
  json outputs = present(document, "outputs");
  if (outputs.empty()) outputs = {{{"name", "label"}}, {{"name", "probabilities"}}};
  require(outputs.size() == request.outputs().size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& output = request.outputs()[i];
    require(outputs[i].at("name") ==
            (output.output == V2Output::kLabel ? "label" : "probabilities"));
    require(output.binary == parameter(outputs[i], "binary_data", binary));
  }
}

// Returns whether the service accepts it.
bool check(std::string body) {
  static iris::serve::V2RequestParser parser(signature());
  static V2Request request;
  const std::size_t size = body.size();
  body.append(iris::http::kBodyPadding, '\0');
  const std::string_view text(body.data(), size);
  if (!parser.parse(text, std::nullopt, request)) {
    const auto& rejection = parser.rejection();
    require(!rejection.reason.empty() && !rejection.message.empty());
    // The message becomes part of a JSON answer and must be UTF-8; dump() throws when it is not.
    require(!json(rejection.message).dump().empty());
    return false;
  }
  const json document = json::parse(text.begin(), text.end(), nullptr, false);
  require(!document.is_discarded());
  compare_inputs(document.at("inputs"), request);
  compare_outputs(document, request);
  const json id = present(document, "id");
  require(id.is_string() == request.id.has_value());
  if (request.id) require(id == *request.id);
  return true;
}

}  // namespace

// A body that is good is followed by itself with one byte changed, which the parser knows most of.
// The place and the byte are drawn from the input, so that each input does the same each time.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  const std::string body(reinterpret_cast<const char*>(data), size);
  if (!check(body)) return 0;
  const std::string_view bytes = "0123456789-.eE+[]{},:\"\\ \n\x7f\xff";
  const std::size_t drawn = std::hash<std::string>{}(body);
  std::string changed = body;
  changed[drawn % size] = bytes[drawn / size % bytes.size()];
  check(changed);
  require(check(body) && check(body));
  return 0;
}
