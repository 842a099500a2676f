#include "serve/instances.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>

#include "base/limits.hpp"
#include "http/request.hpp"
#include "serve/json_text.hpp"

namespace iris::serve {
namespace {

namespace od = simdjson::ondemand;
using od::json_type;

static_assert(simdjson::SIMDJSON_PADDING <= http::kBodyPadding);

// How deep values may nest that are not looked at.
constexpr int kDepth = 64;
constexpr std::size_t kNamesInMessage = 8;

std::string_view trimmed(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

}  // namespace

// Every function returns whether to go on; the first refusal ends the reading.
class InstancesParser::Reader {
 public:
  explicit Reader(const model::Signature& signature) : names_(signature.feature_names) {
    for (std::size_t f = 0; f < names_.size(); ++f) feature_of_.emplace(names_[f], f);
    seen_in_row_.resize(names_.size());
  }

  bool parse(std::string_view body, Instances& instances) {
    body_ = body;
    out_ = &instances;
    out_->values.clear();
    out_->rows = 0;
    out_->probabilities = false;
    has_instances_ = false;
    has_parameters_ = false;
    const simdjson::padded_string_view padded(body, body.size() + http::kBodyPadding);
    od::document document;
    if (parser_.iterate(padded).get(document) != simdjson::SUCCESS) return not_json();
    od::object root;
    const auto error = document.get_object().get(root);
    if (error == simdjson::INCORRECT_TYPE) return wrong_root();
    if (error != simdjson::SUCCESS) return not_json();
    if (!read_root(root)) return false;
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return not_json();
    if (!has_instances_) return refuse("json_type", "expected a key \"instances\"");
    if (out_->rows == 0) return refuse("json_type", "instances: expected at least one row");
    return true;
  }

  const Rejection& rejection() const { return rejection_; }

 private:
  bool read_root(od::object& root) {
    for (auto entry : root) {
      std::string_view key;
      od::value value;
      if (entry.unescaped_key().get(key) != simdjson::SUCCESS) return not_json();
      if (entry.value().get(value) != simdjson::SUCCESS) return not_json();
      const bool good = key == "instances"    ? read_instances(value)
                        : key == "parameters" ? read_parameters(value)
                                              : read_unused(value, 0);
      if (!good) return false;
    }
    return true;
  }

  bool read_instances(od::value& value) {
    if (std::exchange(has_instances_, true)) {
      return refuse("json_type", "\"instances\" is given twice");
    }
    od::array rows;
    const auto error = value.get_array().get(rows);
    if (error != simdjson::SUCCESS) {
      return wrong_type(value, "instances", "an array of rows");
    }
    for (auto element : rows) {
      od::value row;
      if (element.get(row) != simdjson::SUCCESS) return not_json();
      if (out_->rows == limits::kRowsPerRequest) {
        return refuse("rows", "instances: expected at most {} rows", limits::kRowsPerRequest);
      }
      if (!read_row(row)) return false;
      ++out_->rows;
    }
    return true;
  }

  bool read_row(od::value& row) {
    json_type type{};
    if (row.type().get(type) != simdjson::SUCCESS) return not_json();
    if (type == json_type::array) return read_array_row(row);
    if (type == json_type::object) return read_object_row(row);
    return wrong_type(row, row_place(), "a row as an array or an object");
  }

  bool read_array_row(od::value& row) {
    od::array cells;
    if (row.get_array().get(cells) != simdjson::SUCCESS) return not_json();
    std::size_t column = 0;
    for (auto element : cells) {
      od::value cell;
      if (element.get(cell) != simdjson::SUCCESS) return not_json();
      if (column >= names_.size()) {
        if (!read_unused(cell, 0)) return false;
      } else if (float number = 0; read_number(cell, number)) {
        out_->values.push_back(number);
      } else {
        return refuse_number(cell, fmt::format("instances[{}][{}]", out_->rows, column));
      }
      ++column;
    }
    if (column == names_.size()) return true;
    return refuse("width", "{}: expected {} numbers ({}), got {}", row_place(), names_.size(),
                  names_text(), column);
  }

  bool read_object_row(od::value& row) {
    od::object cells;
    if (row.get_object().get(cells) != simdjson::SUCCESS) return not_json();
    const std::size_t start = out_->values.size();
    out_->values.resize(start + names_.size());
    ++row_number_;
    std::size_t count = 0;
    for (auto entry : cells) {
      std::string_view key;
      od::value cell;
      if (entry.unescaped_key().get(key) != simdjson::SUCCESS) return not_json();
      if (entry.value().get(cell) != simdjson::SUCCESS) return not_json();
      const std::size_t feature = find_feature(key, count);
      if (feature == names_.size()) {
        return refuse("feature", "{}: unknown feature {}; expected {}", row_place(), in_quotes(key),
                      names_text());
      }
      if (std::exchange(seen_in_row_[feature], row_number_) == row_number_) {
        return refuse("feature", "{}: feature {} is given twice", row_place(), in_quotes(key));
      }
      if (!read_number(cell, out_->values[start + feature])) {
        return refuse_number(cell, fmt::format("{}[{}]", row_place(), in_quotes(key)));
      }
      ++count;
    }
    if (count == names_.size()) return true;
    std::size_t missing = 0;
    while (seen_in_row_[missing] == row_number_) ++missing;
    return refuse("feature", "{}: feature {} is missing", row_place(), in_quotes(names_[missing]));
  }

  // The feature's column; clients mostly send the model's order, so that is tried first.
  std::size_t find_feature(std::string_view name, std::size_t guess) const {
    if (guess < names_.size() && names_[guess] == name) return guess;
    const auto found = feature_of_.find(name);
    return found == feature_of_.end() ? names_.size() : found->second;
  }

  // Reads a number that a float32 can hold; leaves the cell as it was otherwise.
  static bool read_number(od::value& cell, float& number) {
    double wide = 0;
    if (cell.get_double().get(wide) != simdjson::SUCCESS) return false;
    number = static_cast<float>(wide);
    return std::isfinite(number);
  }

  bool refuse_number(od::value& cell, const std::string& place) {
    json_type type{};
    if (cell.type().get(type) != simdjson::SUCCESS) return not_json();
    if (type != json_type::number) return wrong_type(cell, place, "a number");
    const std::string_view token = trimmed(cell.raw_json_token());
    if (!is_json_number(token)) return not_json();
    return refuse("number_range", "{}: expected a number within ±{:.2g} (float32), got {}", place,
                  std::numeric_limits<float>::max(), token.substr(0, 40));
  }

  bool read_parameters(od::value& value) {
    if (std::exchange(has_parameters_, true)) {
      return refuse("json_type", "\"parameters\" is given twice");
    }
    od::object parameters;
    if (value.get_object().get(parameters) != simdjson::SUCCESS) {
      return wrong_type(value, "parameters", "an object");
    }
    for (auto entry : parameters) {
      std::string_view key;
      od::value parameter;
      if (entry.unescaped_key().get(key) != simdjson::SUCCESS) return not_json();
      if (entry.value().get(parameter) != simdjson::SUCCESS) return not_json();
      if (key != "probabilities") {
        return refuse("parameter", "parameters: unknown parameter {}; expected \"probabilities\"",
                      in_quotes(key));
      }
      if (parameter.get_bool().get(out_->probabilities) != simdjson::SUCCESS) {
        return wrong_type(parameter, "parameters.probabilities", "true or false");
      }
    }
    return true;
  }

  // Reads a value to see that it is JSON.
  bool read_unused(od::value& value, int depth) {
    if (depth == kDepth) return refuse("json_depth", "the body nests deeper than {}", kDepth);
    json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return not_json();
    if (type == json_type::array) {
      od::array elements;
      if (value.get_array().get(elements) != simdjson::SUCCESS) return not_json();
      for (auto element : elements) {
        od::value inner;
        if (element.get(inner) != simdjson::SUCCESS) return not_json();
        if (!read_unused(inner, depth + 1)) return false;
      }
      return true;
    }
    if (type == json_type::object) {
      od::object entries;
      if (value.get_object().get(entries) != simdjson::SUCCESS) return not_json();
      for (auto entry : entries) {
        std::string_view key;
        od::value inner;
        if (entry.unescaped_key().get(key) != simdjson::SUCCESS) return not_json();
        if (entry.value().get(inner) != simdjson::SUCCESS) return not_json();
        if (!read_unused(inner, depth + 1)) return false;
      }
      return true;
    }
    return read_unused_scalar(value, type);
  }

  bool read_unused_scalar(od::value& value, json_type type) {
    std::string_view text;
    bool flag = false;
    bool null = false;
    switch (type) {
      case json_type::string:
        return value.get_string().get(text) == simdjson::SUCCESS || not_json();
      case json_type::boolean:
        return value.get_bool().get(flag) == simdjson::SUCCESS || not_json();
      case json_type::null:
        // As a token, for is_null() answers no to what only begins like null.
        null = trimmed(value.raw_json_token()) == "null";
        return (null && value.is_null()) || not_json();
      default:
        return read_unused_number(value);
    }
  }

  bool read_unused_number(od::value& value) {
    double number = 0;
    if (value.get_double().get(number) == simdjson::SUCCESS) return true;
    if (!is_json_number(trimmed(value.raw_json_token()))) return not_json();
    return refuse("number_range", "a number is out of range: {}",
                  trimmed(value.raw_json_token()).substr(0, 40));
  }

  template <class... Args>
  bool refuse(std::string_view reason, fmt::format_string<Args...> format, Args&&... args) {
    rejection_ = {reason, fmt::format(format, std::forward<Args>(args)...)};
    return false;
  }

  bool not_json() {
    if (trimmed(body_).empty()) return refuse("json_syntax", "the body is empty; expected JSON");
    if (const auto at = find_json_error(body_)) {
      return refuse("json_syntax", "the body is not JSON: unexpected {} at byte {}",
                    *at < body_.size() ? "input" : "end", std::min(*at, body_.size()));
    }
    return refuse("json_syntax", "the body is not JSON as it is read here");
  }

  bool wrong_root() {
    if (find_json_error(body_)) return not_json();
    return refuse("json_type", "expected an object with a key \"instances\"");
  }

  bool wrong_type(od::value& value, std::string_view place, std::string_view expected) {
    json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return not_json();
    const std::string_view token = trimmed(value.raw_json_token());
    std::string got;
    std::string_view text;
    switch (type) {
      case json_type::array:
        got = "an array";
        break;
      case json_type::object:
        got = "an object";
        break;
      case json_type::string:
        if (value.get_string().get(text) != simdjson::SUCCESS) return not_json();
        got = "string " + in_quotes(text);
        break;
      case json_type::number:
        if (!is_json_number(token)) return not_json();
        got = token.substr(0, 40);
        break;
      default:
        if (token != "true" && token != "false" && token != "null") return not_json();
        got = token;
    }
    return refuse("json_type", "{}: expected {}, got {}", place, expected, got);
  }

  std::string row_place() const { return fmt::format("instances[{}]", out_->rows); }

  std::string names_text() const {
    if (names_.size() <= kNamesInMessage) return fmt::format("{}", fmt::join(names_, ", "));
    return fmt::format("{}, … ({} in all)",
                       fmt::join(names_.begin(), names_.begin() + kNamesInMessage, ", "),
                       names_.size());
  }

  const std::vector<std::string> names_;
  std::map<std::string, std::size_t, std::less<>> feature_of_;
  od::parser parser_;
  std::string_view body_;
  Instances* out_ = nullptr;
  Rejection rejection_;
  bool has_instances_ = false;
  bool has_parameters_ = false;
  std::uint64_t row_number_ = 0;            // of object rows, over all requests
  std::vector<std::uint64_t> seen_in_row_;  // the last row that had the feature
};

InstancesParser::InstancesParser(const model::Signature& signature)
    : reader_(std::make_unique<Reader>(signature)) {}
InstancesParser::~InstancesParser() = default;

bool InstancesParser::parse(std::string_view body, Instances& instances) {
  return reader_->parse(body, instances);
}

const Rejection& InstancesParser::rejection() const {
  return reader_->rejection();
}

}  // namespace iris::serve
