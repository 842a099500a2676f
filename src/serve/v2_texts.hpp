// What the answers of V2 repeat of a model, made once.
#pragma once

#include <string>
#include <vector>

#include "model/model.hpp"

namespace iris::serve {

struct V2Texts {
  std::string version;                   // as answers and paths name it
  std::string infer_path;                // as most clients write it, or empty
  std::string answer_start;              // {"model_name":"…","model_version":"…"
  std::string label_start;               // {"name":"label","datatype":"BYTES","shape":[
  std::string probabilities_start;       // the same of the other output
  std::vector<std::string> label_bytes;  // each class's label as an element of a binary tensor
  std::string metadata;                  // the answer of GET /v2/models/{m}
};

// `digest` is the file's, of which the version is made, or empty.
V2Texts make_v2_texts(const model::Signature& signature, const std::string& name,
                      const std::string& digest);

}  // namespace iris::serve
