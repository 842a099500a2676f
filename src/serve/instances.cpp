#include "serve/instances.hpp"

#include <cmath>
#include <cstdint>

#include "base/limits.hpp"
#include "serve/feature_index.hpp"
#include "serve/json_reader.hpp"
#include "serve/json_text.hpp"
#include "serve/usual_instances.hpp"

namespace iris::serve {

class InstancesParser::Reader final : public JsonReader {
 public:
  explicit Reader(const model::Signature& signature) : features_(signature.feature_names) {
    seen_in_row_.resize(features_.size());
  }

  bool parse(std::string_view body, Instances& instances) {
    if (read_usual_instances(body, features_.size(), instances)) return true;
    out_ = &instances;
    out_->values.clear();
    out_->rows = 0;
    out_->probabilities = false;
    has_instances_ = false;
    has_parameters_ = false;
    const auto read_present = [this](Value& value) { return read_parameters(value); };
    const auto read_entry = [&](std::string_view key, Value& value) {
      return key == "instances"    ? read_instances(value)
             : key == "parameters" ? read_optional(value, read_present)
                                   : read_unused(value);
    };
    if (!read_body(body, "an object with a key \"instances\"", read_entry)) return false;
    if (!has_instances_) return refuse("json_type", "expected a key \"instances\"");
    if (out_->rows == 0) return refuse("json_type", "instances: expected at least one row");
    return true;
  }

 private:
  bool read_instances(Value& value) {
    if (std::exchange(has_instances_, true)) {
      return refuse("json_type", "\"instances\" is given twice");
    }
    Array rows;
    if (value.get_array().get(rows) != simdjson::SUCCESS) {
      return wrong_type(value, "instances", "an array of rows");
    }
    return each_element(rows, [this](Value& row) {
      if (out_->rows == limits::kRowsPerRequest) {
        return refuse("rows", "instances: expected at most {} rows", limits::kRowsPerRequest);
      }
      if (!read_row(row)) return false;
      ++out_->rows;
      return true;
    });
  }

  bool read_row(Value& row) {
    Type type{};
    if (row.type().get(type) != simdjson::SUCCESS) return not_json();
    if (type == Type::array) return read_array_row(row);
    if (type == Type::object) return read_object_row(row);
    return wrong_type(row, row_place(), "a row as an array or an object");
  }

  bool read_array_row(Value& row) {
    Array cells;
    if (row.get_array().get(cells) != simdjson::SUCCESS) return not_json();
    std::size_t column = 0;
    const auto read_cell = [&](Value& cell) {
      float number = 0;
      if (column >= features_.size()) {
        if (!read_unused(cell)) return false;
      } else if (read_number(cell, number)) {
        out_->values.push_back(number);
      } else {
        return refuse_number(cell, fmt::format("instances[{}][{}]", out_->rows, column));
      }
      ++column;
      return true;
    };
    if (!each_element(cells, read_cell)) return false;
    if (column == features_.size()) return true;
    return refuse("width", "{}: expected {} numbers ({}), got {}", row_place(), features_.size(),
                  features_.text(), column);
  }

  bool read_object_row(Value& row) {
    Object cells;
    if (row.get_object().get(cells) != simdjson::SUCCESS) return not_json();
    const std::size_t start = out_->values.size();
    out_->values.resize(start + features_.size());
    ++row_number_;
    std::size_t count = 0;
    const auto read_cell = [&](std::string_view key, Value& cell) {
      const std::size_t feature = features_.find(key, count);
      if (feature == features_.size()) {
        return refuse("feature", "{}: unknown feature {}; expected {}", row_place(), in_quotes(key),
                      features_.text());
      }
      if (std::exchange(seen_in_row_[feature], row_number_) == row_number_) {
        return refuse("feature", "{}: feature {} is given twice", row_place(), in_quotes(key));
      }
      if (!read_number(cell, out_->values[start + feature])) {
        return refuse_number(cell, fmt::format("{}[{}]", row_place(), in_quotes(key)));
      }
      ++count;
      return true;
    };
    if (!each_entry(cells, read_cell)) return false;
    if (count == features_.size()) return true;
    std::size_t missing = 0;
    while (seen_in_row_[missing] == row_number_) ++missing;
    return refuse("feature", "{}: feature {} is missing", row_place(),
                  in_quotes(features_.name(missing)));
  }

  // Reads a number that a float32 can hold; leaves the cell as it was otherwise.
  static bool read_number(Value& cell, float& number) {
    double wide = 0;
    if (!read_double(cell, wide)) return false;
    number = static_cast<float>(wide);
    return std::isfinite(number);
  }

  bool read_parameters(Value& value) {
    if (std::exchange(has_parameters_, true)) {
      return refuse("json_type", "\"parameters\" is given twice");
    }
    Object parameters;
    if (value.get_object().get(parameters) != simdjson::SUCCESS) {
      return wrong_type(value, "parameters", "an object");
    }
    return each_entry(parameters, [this](std::string_view key, Value& parameter) {
      if (key != "probabilities") {
        return refuse("parameter", "parameters: unknown parameter {}; expected \"probabilities\"",
                      in_quotes(key));
      }
      return read_optional(parameter, [this](Value& flag) {
        return flag.get_bool().get(out_->probabilities) == simdjson::SUCCESS ||
               wrong_type(flag, "parameters.probabilities", "true or false");
      });
    });
  }

  std::string row_place() const { return fmt::format("instances[{}]", out_->rows); }

  const FeatureIndex features_;
  Instances* out_ = nullptr;
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

void InstancesParser::release_memory() {
  reader_->release_memory();
}

}  // namespace iris::serve
