#include "serve/v2_request.hpp"

#include <fmt/ranges.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "base/limits.hpp"
#include "serve/feature_index.hpp"
#include "serve/json_reader.hpp"
#include "serve/json_text.hpp"
#include "serve/v2_known_json.hpp"
#include "serve/v2_tensor.hpp"

namespace iris::serve {
namespace {

// Parameters that ask for another answer than this one gives.
constexpr std::array<std::string_view, 4> kUnsupported = {
    "classification", "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size"};

bool is_unsupported(std::string_view parameter) {
  return std::find(kUnsupported.begin(), kUnsupported.end(), parameter) != kUnsupported.end();
}

}  // namespace

class V2RequestParser::Reader final : public JsonReader {
 public:
  explicit Reader(const model::Signature& signature)
      : features_(signature.feature_names),
        input_name_(signature.input_name),
        output_names_{signature.label_name, signature.probabilities_name},
        has_feature_(features_.size()) {}

  void release_memory() {
    JsonReader::release_memory();
    numbers_ = {};
  }

  bool parse(std::string_view body, std::optional<std::size_t> json_bytes, V2Request& request) {
    if (json_bytes.value_or(0) > body.size()) {
      return refuse("binary_size", "Inference-Header-Content-Length: {}, but the body has {} bytes",
                    *json_bytes, body.size());
    }
    const std::string_view json = body.substr(0, json_bytes.value_or(body.size()));
    if (known_.take(json, body.substr(json.size()), request)) return true;
    known_.forget();
    begin(body, json.size(), request);
    const auto read_entry = [this](std::string_view key, Value& value) {
      return key == "inputs"       ? read_inputs(value)
             : key == "outputs"    ? read_if_present(value, &Reader::read_outputs)
             : key == "parameters" ? read_if_present(value, &Reader::read_parameters)
             : key == "id"         ? read_if_present(value, &Reader::read_id)
                                   : read_unused(value);
    };
    if (!read_body(json, "an object with a key \"inputs\"", read_entry) || !check_inputs()) {
      return false;
    }
    choose_outputs();
    known_.keep(json, request);
    return true;
  }

 private:
  enum class Inputs { kNone, kRows, kFeatures };

  // One of `inputs` as far as it is read; its keys may stand in any order.
  struct Tensor {
    std::optional<std::string_view> name;
    std::string_view datatype_name;
    const Datatype* datatype = nullptr;
    std::array<std::uint64_t, 2> shape{};
    std::size_t rank = 0;  // 0: not given yet
    std::optional<std::uint64_t> binary_bytes;
    bool has_parameters = false;
    bool has_data = false;
    bool nested = false;  // the data are arrays of numbers
    std::string_view data_text;
    std::size_t data_rows = 0;  // of nested data
    std::size_t data_width = 0;
  };

  struct OutputChoice {
    V2Output output = V2Output::kLabel;
    std::optional<bool> binary;
  };

  void begin(std::string_view body, std::size_t json_bytes, V2Request& request) {
    body_bytes_ = body.size();
    binary_ = body.substr(json_bytes);
    out_ = &request;
    out_->values.clear();
    out_->rows = 0;
    out_->id.reset();
    out_->output_count = 0;
    inputs_ = Inputs::kNone;
    input_count_ = 0;
    feature_count_ = 0;
    has_inputs_ = has_outputs_ = has_parameters_ = binary_output_ = false;
    choice_count_ = 0;
    std::fill(has_feature_.begin(), has_feature_.end(), false);
  }

  bool read_if_present(Value& value, bool (Reader::*read)(Value&)) {
    return read_optional(value, [&](Value& present) { return (this->*read)(present); });
  }

  bool read_id(Value& value) {
    if (out_->id) return twice("id");
    const auto text = text_of(value);
    std::string_view id;
    if (value.get_string().get(id) != simdjson::SUCCESS) return wrong_type(value, "id", "a string");
    out_->id = id;
    if (text.find('\\') == std::string_view::npos) {
      known_.add_id(text);
    } else {
      known_.add_unknown();
    }
    return true;
  }

  bool read_parameters(Value& value) {
    if (std::exchange(has_parameters_, true)) return twice("parameters");
    Object parameters;
    if (value.get_object().get(parameters) != simdjson::SUCCESS) {
      return wrong_type(value, "parameters", "an object");
    }
    return each_optional_entry(parameters, [this](std::string_view key, Value& parameter) {
      if (key != "binary_data_output") return read_unused(parameter);
      return parameter.get_bool().get(binary_output_) == simdjson::SUCCESS ||
             wrong_type(parameter, "parameters.binary_data_output", "true or false");
    });
  }

  bool read_inputs(Value& value) {
    if (std::exchange(has_inputs_, true)) return twice("inputs");
    Array inputs;
    if (value.get_array().get(inputs) != simdjson::SUCCESS) {
      return wrong_type(value, "inputs", "an array of tensors");
    }
    return each_element(inputs, [this](Value& input) {
      if (!read_tensor(input) || !check_tensor() || !take_tensor()) return false;
      ++input_count_;
      return true;
    });
  }

  bool read_tensor(Value& value) {
    Object entries;
    if (value.get_object().get(entries) != simdjson::SUCCESS) {
      return wrong_type(value, place(), "a tensor as an object");
    }
    tensor_ = {};
    numbers_.clear();
    return each_entry(entries, [this](std::string_view key, Value& entry) {
      return key == "name"         ? read_name(entry)
             : key == "shape"      ? read_shape(entry)
             : key == "datatype"   ? read_datatype(entry)
             : key == "data"       ? read_if_present(entry, &Reader::read_data)
             : key == "parameters" ? read_if_present(entry, &Reader::read_tensor_parameters)
                                   : read_unused(entry);
    });
  }

  bool read_name(Value& value) {
    if (tensor_.name) return twice(place("name"));
    std::string_view name;
    if (value.get_string().get(name) != simdjson::SUCCESS) {
      return wrong_type(value, place("name"), "a string");
    }
    tensor_.name = name;
    return true;
  }

  bool read_datatype(Value& value) {
    if (tensor_.datatype != nullptr) return twice(place("datatype"));
    if (value.get_string().get(tensor_.datatype_name) != simdjson::SUCCESS) {
      return wrong_type(value, place("datatype"), "a string");
    }
    tensor_.datatype = find_datatype(tensor_.datatype_name);
    return tensor_.datatype != nullptr ||
           refuse("datatype", "{}: expected {}, got {}", place("datatype"), kDatatypeNames,
                  in_quotes(tensor_.datatype_name));
  }

  bool read_shape(Value& value) {
    if (tensor_.rank > 0) return twice(place("shape"));
    Array dimensions;
    if (value.get_array().get(dimensions) != simdjson::SUCCESS) {
      return wrong_type(value, place("shape"), "an array of numbers of elements");
    }
    const auto read_dimension = [this](Value& dimension) {
      if (tensor_.rank == tensor_.shape.size()) {
        return refuse("shape", "{}: expected one or two dimensions, got more", place("shape"));
      }
      if (dimension.get_uint64().get(tensor_.shape[tensor_.rank]) != simdjson::SUCCESS) {
        return wrong_type(dimension, fmt::format("{}[{}]", place("shape"), tensor_.rank),
                          "a number of elements");
      }
      ++tensor_.rank;
      return true;
    };
    if (!each_element(dimensions, read_dimension)) return false;
    return tensor_.rank > 0 ||
           refuse("shape", "{}: expected one or two dimensions, got none", place("shape"));
  }

  bool read_tensor_parameters(Value& value) {
    if (std::exchange(tensor_.has_parameters, true)) return twice(place("parameters"));
    Object parameters;
    if (value.get_object().get(parameters) != simdjson::SUCCESS) {
      return wrong_type(value, place("parameters"), "an object");
    }
    return each_optional_entry(parameters, [this](std::string_view key, Value& parameter) {
      if (is_unsupported(key)) return unsupported(place("parameters"), key);
      if (key != "binary_data_size") return read_unused(parameter);
      if (tensor_.binary_bytes) return twice(place("parameters.binary_data_size"));
      std::uint64_t bytes = 0;
      if (parameter.get_uint64().get(bytes) != simdjson::SUCCESS) {
        return wrong_type(parameter, place("parameters.binary_data_size"), "a number of bytes");
      }
      tensor_.binary_bytes = bytes;
      return true;
    });
  }

  bool read_data(Value& value) {
    if (std::exchange(tensor_.has_data, true)) return twice(place("data"));
    const char* const first = text_of(value).data();
    Array elements;
    if (value.get_array().get(elements) != simdjson::SUCCESS) {
      return wrong_type(value, place("data"), "an array of numbers");
    }
    std::size_t index = 0;
    const auto read_element = [&](Value& element) {
      if (index == 0) {
        Type type{};
        if (element.type().get(type) != simdjson::SUCCESS) return not_json();
        tensor_.nested = type == Type::array;
      }
      if (tensor_.nested) {
        if (!read_data_row(element)) return false;
      } else if (!read_number(element)) {
        return refuse_number(element, fmt::format("{}[{}]", place("data"), index));
      }
      ++index;
      return true;
    };
    if (!each_element(elements, read_element)) return false;
    tensor_.data_text = text_of(value, first);
    return true;
  }

  bool read_data_row(Value& value) {
    Array cells;
    const auto row_place = [this] {
      return fmt::format("{}[{}]", place("data"), tensor_.data_rows);
    };
    if (value.get_array().get(cells) != simdjson::SUCCESS) {
      return wrong_type(value, row_place(), "a row as an array, as the first one is");
    }
    std::size_t width = 0;
    const auto read_cell = [&](Value& cell) {
      if (!read_number(cell)) {
        return refuse_number(cell, fmt::format("{}[{}]", row_place(), width));
      }
      ++width;
      return true;
    };
    if (!each_element(cells, read_cell)) return false;
    if (tensor_.data_rows == 0) tensor_.data_width = width;
    if (width != tensor_.data_width) {
      return refuse("shape", "{}: expected {} numbers, as in the first row, got {}", row_place(),
                    tensor_.data_width, width);
    }
    ++tensor_.data_rows;
    return true;
  }

  bool read_number(Value& value) {
    double number = 0;
    if (!read_double(value, number)) return false;
    numbers_.push_back(number);
    return true;
  }

  // What can be said of a tensor alone.
  bool check_tensor() {
    if (!tensor_.name) return missing("name");
    if (tensor_.rank == 0) return missing("shape");
    if (tensor_.datatype == nullptr) return missing("datatype");
    if (tensor_.has_data == tensor_.binary_bytes.has_value()) {
      return refuse("json_type",
                    "{}: expected either a key \"data\" or the parameter "
                    "\"binary_data_size\"",
                    place());
    }
    if (tensor_.shape[0] == 0) return refuse("rows", "{}: expected at least one row", place());
    if (tensor_.shape[0] > limits::kRowsPerRequest) {
      return refuse("rows", "{}: expected at most {} rows, got {}", place(),
                    limits::kRowsPerRequest, tensor_.shape[0]);
    }
    return true;
  }

  // Puts the tensor's elements where they belong in the rows.
  bool take_tensor() {
    const bool column = tensor_.rank == 1 || tensor_.shape[1] == 1;
    const std::size_t feature = features_.find(*tensor_.name, input_count_);
    const bool is_feature = feature < features_.size();
    if (*tensor_.name == input_name_ && !(is_feature && column)) return take_rows();
    if (is_feature) return take_feature(feature, column);
    return refuse("feature", "{}: unknown input {}; expected {}, or one tensor for each of {}",
                  place("name"), in_quotes(*tensor_.name), in_quotes(input_name_),
                  features_.text());
  }

  bool take_rows() {
    if (tensor_.rank != 2 || tensor_.shape[1] != features_.size()) {
      return refuse("shape", "{}: expected [rows, {}], got {}", place("shape"), features_.size(),
                    shape_text());
    }
    if (inputs_ != Inputs::kNone) return mixed();
    inputs_ = Inputs::kRows;
    out_->rows = tensor_.shape[0];
    if (!check_data(out_->rows * features_.size())) return false;
    out_->values.resize(out_->rows * features_.size());
    return take_elements({.count = out_->values.size(), .first = 0, .stride = 1});
  }

  bool take_feature(std::size_t feature, bool column) {
    if (!column) {
      return refuse("shape", "{}: expected [rows] or [rows, 1], got {}", place("shape"),
                    shape_text());
    }
    if (inputs_ == Inputs::kRows) return mixed();
    if (has_feature_[feature]) {
      return refuse("feature", "{}: feature {} is given twice", place(), in_quotes(*tensor_.name));
    }
    if (inputs_ == Inputs::kNone) {
      out_->rows = tensor_.shape[0];
      // Each number takes a byte at least, so that what is made room for is there to be read.
      if (out_->rows * features_.size() > body_bytes_) {
        return refuse("shape", "{}: {} rows of {} features do not fit into a body of {} bytes",
                      place("shape"), out_->rows, features_.size(), body_bytes_);
      }
    } else if (tensor_.shape[0] != out_->rows) {
      return refuse("shape", "{}: expected {} rows, as of the first input, got {}", place("shape"),
                    out_->rows, tensor_.shape[0]);
    }
    inputs_ = Inputs::kFeatures;
    if (!check_data(out_->rows)) return false;
    out_->values.resize(out_->rows * features_.size());
    has_feature_[feature] = true;
    ++feature_count_;
    return take_elements({.count = out_->rows, .first = feature, .stride = features_.size()});
  }

  // Whether there are `count` elements, and nested as the shape says.
  bool check_data(std::size_t count) {
    if (tensor_.binary_bytes) {
      const std::size_t bytes = count * tensor_.datatype->bytes;
      if (*tensor_.binary_bytes != bytes) {
        return refuse("binary_size", "{}: expected {} bytes for {} {}, got {}",
                      place("parameters.binary_data_size"), bytes, tensor_.datatype_name,
                      shape_text(), *tensor_.binary_bytes);
      }
      return bytes <= binary_.size() ||
             refuse("binary_size", "{}: expected {} bytes behind the JSON, got {}", place(), bytes,
                    binary_.size());
    }
    const bool as_shaped =
        !tensor_.nested || (tensor_.rank == 2 && tensor_.data_rows == tensor_.shape[0] &&
                            tensor_.data_width == tensor_.shape[1]);
    if (numbers_.size() == count && as_shaped) return true;
    return refuse("shape", "{}: expected {} numbers for the shape {}, got {}", place("data"), count,
                  shape_text(),
                  tensor_.nested
                      ? fmt::format("{} rows of {}", tensor_.data_rows, tensor_.data_width)
                      : fmt::format("{}", numbers_.size()));
  }

  bool take_elements(const TensorPlace& to) {
    float* const out = out_->values.data() + to.first;
    if (tensor_.binary_bytes) {
      const char* bytes = binary_.data();
      binary_.remove_prefix(*tensor_.binary_bytes);
      known_.add_binary(to, *tensor_.datatype);
      const std::size_t good = read_elements(*tensor_.datatype, bytes, to.count, out, to.stride);
      return good == to.count || refuse_element(good, "a finite number", out[good * to.stride]);
    }
    if (tensor_.datatype->integer) {
      if (!check_integers()) return false;
      known_.add_unknown();
    } else {
      known_.add_numbers(to, tensor_.data_text, tensor_.data_width);
    }
    static const Datatype* const json_number = find_datatype("FP64");
    const auto* bytes = reinterpret_cast<const char*>(numbers_.data());
    const std::size_t good = read_elements(*json_number, bytes, to.count, out, to.stride);
    return good == to.count || refuse_element(good, "a number", numbers_[good]);
  }

  bool check_integers() {
    const auto& type = *tensor_.datatype;
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      const double number = numbers_[i];
      if (number == std::trunc(number) && number >= type.lowest && number <= type.highest) continue;
      return refuse("number_range", "{}: expected an integer of {}, got {}", element_place(i),
                    type.name, number);
    }
    return true;
  }

  template <class Number>
  bool refuse_element(std::size_t index, std::string_view expected, Number got) {
    return refuse("number_range", "{}: expected {} within ±{:.2g} (float32), got {}",
                  element_place(index), expected, std::numeric_limits<float>::max(), got);
  }

  bool check_inputs() {
    if (!has_inputs_) return refuse("json_type", "expected a key \"inputs\"");
    if (inputs_ == Inputs::kNone) {
      return refuse("feature", "inputs: expected {}, or one tensor for each of {}",
                    in_quotes(input_name_), features_.text());
    }
    if (inputs_ == Inputs::kFeatures && feature_count_ < features_.size()) {
      std::size_t feature = 0;
      while (has_feature_[feature]) ++feature;
      return refuse("feature", "inputs: feature {} is missing", in_quotes(features_.name(feature)));
    }
    return binary_.empty() ||
           refuse("binary_size", "{} bytes behind the last tensor, expected none", binary_.size());
  }

  bool read_outputs(Value& value) {
    if (std::exchange(has_outputs_, true)) return twice("outputs");
    Array outputs;
    if (value.get_array().get(outputs) != simdjson::SUCCESS) {
      return wrong_type(value, "outputs", "an array of objects");
    }
    std::size_t index = 0;
    return each_element(outputs, [&](Value& output) { return read_output(output, index++); });
  }

  bool read_output(Value& value, std::size_t index) {
    const auto output_place = [index] { return fmt::format("outputs[{}]", index); };
    Object entries;
    if (value.get_object().get(entries) != simdjson::SUCCESS) {
      return wrong_type(value, output_place(), "an object with a key \"name\"");
    }
    std::optional<std::string_view> name;
    std::optional<bool> binary;
    bool has_parameters = false;
    const auto read_entry = [&](std::string_view key, Value& entry) {
      if (key == "name") {
        std::string_view text;
        if (name) return twice(output_place() + ".name");
        if (entry.get_string().get(text) != simdjson::SUCCESS) {
          return wrong_type(entry, output_place() + ".name", "a string");
        }
        name = text;
        return true;
      }
      if (key != "parameters") return read_unused(entry);
      return read_optional(entry, [&](Value& parameters) {
        if (std::exchange(has_parameters, true)) return twice(output_place() + ".parameters");
        return read_output_parameters(parameters, output_place, binary);
      });
    };
    if (!each_entry(entries, read_entry)) return false;
    if (!name) return refuse("json_type", "{}: expected a key \"name\"", output_place());
    return choose_output(*name, output_place, binary);
  }

  template <class Place>
  bool read_output_parameters(Value& value, Place output_place, std::optional<bool>& binary) {
    Object parameters;
    if (value.get_object().get(parameters) != simdjson::SUCCESS) {
      return wrong_type(value, output_place() + ".parameters", "an object");
    }
    return each_optional_entry(parameters, [&](std::string_view key, Value& parameter) {
      if (is_unsupported(key)) return unsupported(output_place() + ".parameters", key);
      if (key != "binary_data") return read_unused(parameter);
      bool flag = false;
      if (parameter.get_bool().get(flag) != simdjson::SUCCESS) {
        return wrong_type(parameter, output_place() + ".parameters.binary_data", "true or false");
      }
      binary = flag;
      return true;
    });
  }

  template <class Place>
  bool choose_output(std::string_view name, Place output_place, std::optional<bool> binary) {
    const auto found = std::find(output_names_.begin(), output_names_.end(), name);
    if (found == output_names_.end()) {
      return refuse("output", "{}: unknown output {}; expected {}", output_place(), in_quotes(name),
                    fmt::join(output_names_, " or "));
    }
    const auto output = static_cast<V2Output>(found - output_names_.begin());
    for (std::size_t i = 0; i < choice_count_; ++i) {
      if (choices_[i].output != output) continue;
      return refuse("output", "{}: output {} is given twice", output_place(), in_quotes(name));
    }
    choices_[choice_count_++] = {output, binary};
    return true;
  }

  // The parameters of the request may stand behind its outputs.
  void choose_outputs() {
    if (choice_count_ == 0) {
      choices_ = {{{V2Output::kLabel, {}}, {V2Output::kProbabilities, {}}}};
      choice_count_ = choices_.size();
    }
    out_->output_count = choice_count_;
    for (std::size_t i = 0; i < choice_count_; ++i) {
      out_->output_list[i] = {choices_[i].output, choices_[i].binary.value_or(binary_output_)};
    }
  }

  bool twice(std::string_view what) { return refuse("json_type", "{} is given twice", what); }
  bool missing(std::string_view key) {
    return refuse("json_type", "{}: expected a key \"{}\"", place(), key);
  }
  bool mixed() {
    return refuse("feature", "{}: expected {} alone, or one tensor for each feature", place(),
                  in_quotes(input_name_));
  }
  bool unsupported(std::string_view where, std::string_view parameter) {
    refuse("parameter", "{}: {} is not supported", where, in_quotes(parameter));
    rejection_.status = 501;
    return false;
  }

  std::string place() const { return fmt::format("inputs[{}]", input_count_); }
  std::string place(std::string_view key) const {
    return fmt::format("inputs[{}].{}", input_count_, key);
  }
  std::string shape_text() const {
    return tensor_.rank == 1 ? fmt::format("[{}]", tensor_.shape[0])
                             : fmt::format("[{}, {}]", tensor_.shape[0], tensor_.shape[1]);
  }
  std::string element_place(std::size_t index) const {
    const bool in_rows = tensor_.nested || (tensor_.binary_bytes && tensor_.rank == 2);
    if (!in_rows) return fmt::format("{}[{}]", place("data"), index);
    const std::size_t width = tensor_.shape[1];
    return fmt::format("{}[{}][{}]", place("data"), index / width, index % width);
  }

  const FeatureIndex features_;
  const std::string input_name_;
  const std::array<std::string, kV2Outputs> output_names_;  // in the order of V2Output

  std::size_t body_bytes_ = 0;
  std::string_view binary_;  // what no tensor has taken yet
  V2Request* out_ = nullptr;
  Inputs inputs_ = Inputs::kNone;
  std::size_t input_count_ = 0;
  std::size_t feature_count_ = 0;
  std::vector<bool> has_feature_;
  Tensor tensor_;
  std::vector<double> numbers_;  // the tensor's JSON data
  bool has_inputs_ = false;
  bool has_outputs_ = false;
  bool has_parameters_ = false;
  bool binary_output_ = false;
  std::array<OutputChoice, kV2Outputs> choices_{};
  std::size_t choice_count_ = 0;
  V2KnownJson known_;
};

V2RequestParser::V2RequestParser(const model::Signature& signature)
    : reader_(std::make_unique<Reader>(signature)) {}
V2RequestParser::~V2RequestParser() = default;

bool V2RequestParser::parse(std::string_view body, std::optional<std::size_t> json_bytes,
                            V2Request& request) {
  return reader_->parse(body, json_bytes, request);
}

const Rejection& V2RequestParser::rejection() const {
  return reader_->rejection();
}

void V2RequestParser::release_memory() {
  reader_->release_memory();
}

}  // namespace iris::serve
