// Clients repeat themselves: the JSON of the request before, in which only the id and the tensors'
// numbers may be others, so that what is the same need not be read again.
//
//   if (known.take(json, binary, request)) …         // all of the request is there
//   known.forget(); … known.add_numbers(…); … known.keep(json, request);
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/json_scanner.hpp"
#include "serve/v2_request.hpp"
#include "serve/v2_tensor.hpp"

namespace iris::serve {

// Where the elements of a tensor go.
struct TensorPlace {
  std::size_t count = 0;
  std::size_t first = 0;  // in the values
  std::size_t stride = 0;
};

class V2KnownJson {
 public:
  // Returns whether `json` is what was kept but for what may be another, and all of it good; then
  // `request` is what reading it all would make of it, and its id holds as long as `json` does. If
  // not, `request` holds nothing of use.
  bool take(std::string_view json, std::string_view binary, V2Request& request) const;

  void forget();
  // What may be another, in the order in which it stands; texts lie within the JSON.
  void add_id(std::string_view text);
  // `text` is an array of numbers or, unless `row` is 0, of arrays of so many numbers each.
  void add_numbers(const TensorPlace& place, std::string_view text, std::size_t row);
  // The elements lie behind the JSON.
  void add_binary(const TensorPlace& place, const Datatype& datatype);
  // Anything else that may be another: nothing will be kept.
  void add_unknown() { whole_ = false; }
  // Keeps the JSON, unless it is long without its parts.
  void keep(std::string_view json, const V2Request& request);

 private:
  // Of the JSON: the id, or the numbers of a tensor.
  struct Part {
    std::string_view text{};     // in the JSON that is being read
    std::size_t text_bytes = 0;  // of text_, between the part before and this one
    std::optional<TensorPlace> tensor{};
    std::size_t row = 0;
  };
  struct Binary {
    TensorPlace place{};
    const Datatype* datatype = nullptr;
  };

  static bool take_numbers(const TensorPlace& place, std::size_t row, JsonScanner& scanner,
                           std::vector<float>& values);
  bool take_binaries(std::string_view binary, std::vector<float>& values) const;

  std::string text_;  // the JSON without its parts; empty: nothing is known
  std::vector<Part> parts_;
  std::vector<Binary> binaries_;
  bool whole_ = false;  // all parts are known of
  V2Request said_;      // without its values and its id
  std::size_t said_values_ = 0;
};

}  // namespace iris::serve
