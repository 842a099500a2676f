#include "serve/json_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <system_error>

#include "serve/json_text.hpp"

namespace iris::serve {
namespace {

// How deep values may nest that are not looked at.
constexpr int kDepth = 64;
constexpr std::size_t kNumberBytesInMessage = 40;

// Debian's simdjson (3.0.1) reads most numbers that begin with "0." and go on for twenty digits as
// other numbers. No shorter text is read wrongly.
constexpr std::size_t kTrustedNumberBytes = 19;

std::string_view trimmed(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

}  // namespace

std::string_view JsonReader::text_of(Value& value) {
  return trimmed(value.raw_json_token());
}

std::string_view JsonReader::text_of(Value& value, const char* first) {
  const char* behind = first;  // where the next token begins
  if (value.current_location().get(behind) != simdjson::SUCCESS) return {};
  return trimmed({first, behind});
}

bool JsonReader::read_double(Value& value, double& number) {
  const auto token = value.raw_json_token();
  if (token.size() <= kTrustedNumberBytes) {
    return value.get_double().get(number) == simdjson::SUCCESS;
  }
  const auto text = trimmed(token);
  if (!is_json_number(text)) return false;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec == std::errc()) return true;
  // Too great, or so small that it is zero; which of them it does not say.
  number = std::strtod(std::string(text).c_str(), nullptr);
  return std::isfinite(number);
}

bool JsonReader::read_unused(Value& value, int depth) {
  if (depth == kDepth) return refuse("json_depth", "the body nests deeper than {}", kDepth);
  Type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return not_json();
  if (type == Type::array) {
    Array elements;
    if (value.get_array().get(elements) != simdjson::SUCCESS) return not_json();
    return each_element(elements, [&](Value& inner) { return read_unused(inner, depth + 1); });
  }
  if (type == Type::object) {
    Object entries;
    if (value.get_object().get(entries) != simdjson::SUCCESS) return not_json();
    return each_entry(
        entries, [&](std::string_view, Value& inner) { return read_unused(inner, depth + 1); });
  }
  return read_unused_scalar(value, type);
}

bool JsonReader::read_unused_scalar(Value& value, Type type) {
  std::string_view text;
  bool flag = false;
  bool null = false;
  switch (type) {
    case Type::string:
      return value.get_string().get(text) == simdjson::SUCCESS || not_json();
    case Type::boolean:
      return value.get_bool().get(flag) == simdjson::SUCCESS || not_json();
    case Type::null:
      // As a token, for is_null() answers no to what only begins like null.
      if (text_of(value) != "null") return not_json();
      return (value.is_null().get(null) == simdjson::SUCCESS && null) || not_json();
    default:
      return read_unused_number(value);
  }
}

bool JsonReader::read_unused_number(Value& value) {
  double number = 0;
  if (read_double(value, number)) return true;
  const auto token = text_of(value);
  if (!is_json_number(token)) return not_json();
  return refuse("number_range", "a number is out of range: {}",
                token.substr(0, kNumberBytesInMessage));
}

bool JsonReader::refuse_number(Value& value, std::string_view place) {
  Type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return not_json();
  if (type != Type::number) return wrong_type(value, place, "a number");
  const auto token = text_of(value);
  if (!is_json_number(token)) return not_json();
  return refuse("number_range", "{}: expected a number within ±{:.2g} (float32), got {}", place,
                std::numeric_limits<float>::max(), token.substr(0, kNumberBytesInMessage));
}

bool JsonReader::not_json() {
  if (trimmed(body_).empty()) return refuse("json_syntax", "the body is empty; expected JSON");
  if (const auto at = find_json_error(body_)) {
    return refuse("json_syntax", "the body is not JSON: unexpected {} at byte {}",
                  *at < body_.size() ? "input" : "end", std::min(*at, body_.size()));
  }
  return refuse("json_syntax", "the body is not JSON as it is read here");
}

bool JsonReader::wrong_root(std::string_view expected) {
  if (find_json_error(body_)) return not_json();
  return refuse("json_type", "expected {}", expected);
}

bool JsonReader::wrong_type(Value& value, std::string_view place, std::string_view expected) {
  Type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return not_json();
  const auto token = text_of(value);
  std::string got;
  std::string_view text;
  switch (type) {
    case Type::array:
      got = "an array";
      break;
    case Type::object:
      got = "an object";
      break;
    case Type::string:
      if (value.get_string().get(text) != simdjson::SUCCESS) return not_json();
      got = "string " + in_quotes(text);
      break;
    case Type::number:
      if (!is_json_number(token)) return not_json();
      got = token.substr(0, kNumberBytesInMessage);
      break;
    default:
      if (token != "true" && token != "false" && token != "null") return not_json();
      got = token;
  }
  return refuse("json_type", "{}: expected {}, got {}", place, expected, got);
}

}  // namespace iris::serve
