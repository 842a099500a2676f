// Clients repeat themselves: what the JSON before the binary tensors of a request said, so that the
// same bytes need not be read again.
//
//   if (known.take(json, binary, request)) …         // all of the request is there
//   known.forget(); … known.add(tensor); … known.keep(json, request);
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/v2_request.hpp"
#include "serve/v2_tensor.hpp"

namespace iris::serve {

// Where the elements of a binary tensor go.
struct BinaryTensor {
  const Datatype* datatype = nullptr;
  std::size_t count = 0;
  std::size_t first = 0;  // in the values
  std::size_t stride = 0;
};

class V2KnownJson {
 public:
  // Returns whether `json` is what was kept and the tensors behind it are good; then `request` is
  // what reading them all would make of it, and its id holds until forget(). If not, `request`
  // holds nothing of use.
  bool take(std::string_view json, std::string_view binary, V2Request& request) const;

  void forget();
  // In the order in which they lie behind the JSON.
  void add(const BinaryTensor& tensor) { tensors_.push_back(tensor); }
  std::size_t tensors() const { return tensors_.size(); }
  // Keeps what `json` said, unless it is long; its tensors were added.
  void keep(std::string_view json, const V2Request& request);

 private:
  std::string json_;  // empty: nothing is known
  std::optional<std::string> id_;
  V2Request said_;  // without its values and its id
  std::size_t values_ = 0;
  std::vector<BinaryTensor> tensors_;
};

}  // namespace iris::serve
