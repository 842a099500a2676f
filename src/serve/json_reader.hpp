// What every reader of a JSON body needs: values in the order in which they stand, numbers,
// optional members, values that nobody wants but that must be JSON, and refusals that name the
// place. For the .cpp files that read bodies; it brings simdjson along.
//
// Every function returns whether to go on; the first refusal ends the reading.
#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <string>
#include <string_view>
#include <utility>

#include "http/request.hpp"
#include "serve/rejection.hpp"

namespace iris::serve {

static_assert(simdjson::SIMDJSON_PADDING <= http::kBodyPadding);

class JsonReader {
 public:
  const Rejection& rejection() const { return rejection_; }

  // Gives back what large bodies needed.
  void release_memory() { parser_ = simdjson::ondemand::parser(); }

 protected:
  using Array = simdjson::ondemand::array;
  using Object = simdjson::ondemand::object;
  using Value = simdjson::ondemand::value;
  using Type = simdjson::ondemand::json_type;

  // Has `visit(key, value)` read each entry of the body, which must be an object and nothing more;
  // http::kBodyPadding bytes behind it must be readable. `expected` says what that object is.
  template <class Visit>
  bool read_body(std::string_view body, std::string_view expected, Visit visit) {
    body_ = body;
    if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
    const simdjson::padded_string_view padded(body, body.size() + http::kBodyPadding);
    simdjson::ondemand::document document;
    if (parser_.iterate(padded).get(document) != simdjson::SUCCESS) return not_json();
    Object root;
    const auto error = document.get_object().get(root);
    if (error == simdjson::INCORRECT_TYPE) return wrong_root(expected);
    if (error != simdjson::SUCCESS) return not_json();
    if (!each_entry(root, visit)) return false;
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS || not_json();
  }

  template <class Visit>
  bool each_entry(Object& object, Visit visit) {
    for (auto entry : object) {
      std::string_view key;
      Value value;
      if (entry.unescaped_key().get(key) != simdjson::SUCCESS) return not_json();
      if (entry.value().get(value) != simdjson::SUCCESS) return not_json();
      if (!visit(key, value)) return false;
    }
    return true;
  }

  template <class Visit>
  bool each_element(Array& array, Visit visit) {
    for (auto element : array) {
      Value value;
      if (element.get(value) != simdjson::SUCCESS) return not_json();
      if (!visit(value)) return false;
    }
    return true;
  }

  // The text of a scalar, or of an array or object that was read from `first` to its end.
  static std::string_view text_of(Value& value);
  static std::string_view text_of(Value& value, const char* first);

  // Reads a number, rounded once; leaves the value as it was where it is none, or not finite.
  static bool read_double(Value& value, double& number);

  // Has `read(value)` read an optional member; one that is null is absent.
  template <class Read>
  bool read_optional(Value& value, Read read) {
    Type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return not_json();
    return type == Type::null ? read_unused(value) : read(value);
  }

  // The entries of an object whose members are all optional.
  template <class Visit>
  bool each_optional_entry(Object& object, Visit visit) {
    return each_entry(object, [&](std::string_view key, Value& value) {
      return read_optional(value, [&](Value& present) { return visit(key, present); });
    });
  }

  // Reads a value to see that it is JSON.
  bool read_unused(Value& value, int depth = 0);

  template <class... Args>
  bool refuse(std::string_view reason, fmt::format_string<Args...> format, Args&&... args) {
    rejection_ = {reason, fmt::format(format, std::forward<Args>(args)...)};
    return false;
  }
  bool not_json();
  bool wrong_type(Value& value, std::string_view place, std::string_view expected);
  // For a value that could not be read as a number, or not as one that a float32 holds.
  bool refuse_number(Value& value, std::string_view place);

  Rejection rejection_;

 private:
  // Some clients' text files begin with it; a parser may skip it (RFC 8259, section 8.1).
  static constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

  bool wrong_root(std::string_view expected);
  bool read_unused_scalar(Value& value, Type type);
  bool read_unused_number(Value& value);

  simdjson::ondemand::parser parser_;
  std::string_view body_;
};

}  // namespace iris::serve
