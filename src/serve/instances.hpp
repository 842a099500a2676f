// The body of POST /predict into rows of features, in place and without allocating in the steady
// state:
//
//   {"instances": [[5.1, 3.5, 1.4, 0.2], {"petal_width": 0.2, …}], "parameters": {"probabilities":
//   true}}
//
// A row is an array in the model's feature order or an object keyed by feature name. Other keys of
// the outermost object are allowed and not looked at, as the clients of TensorFlow Serving's form
// of request send some. Parameters that are null are absent.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "model/model.hpp"
#include "serve/rejection.hpp"

namespace iris::serve {

struct Instances {
  std::vector<float> values;  // row-major [rows × features]
  std::size_t rows = 0;
  bool probabilities = false;  // parameters.probabilities
};

class InstancesParser {
 public:
  explicit InstancesParser(const model::Signature& signature);
  ~InstancesParser();
  InstancesParser(const InstancesParser&) = delete;
  InstancesParser& operator=(const InstancesParser&) = delete;

  // Reads `body`, behind which http::kBodyPadding bytes must be readable. Returns whether it is
  // good; if not, rejection() says why.
  bool parse(std::string_view body, Instances& instances);
  const Rejection& rejection() const;
  void release_memory();

 private:
  class Reader;  // keeps simdjson out of this header
  std::unique_ptr<Reader> reader_;
};

}  // namespace iris::serve
