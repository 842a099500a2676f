// YAML or JSON text as JSON values: what is common to every kind of object.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace iris::kube {

struct Document {
  std::string place;  // "k8s/all.yaml", or "k8s/all.yaml (document 2)" when there are several
  nlohmann::json body;
};

// The documents of a YAML stream (separated by ---; empty ones are left out) or the one of a JSON
// text, which is what begins with {, as kubectl has it. The items of a `kind: List` are documents
// of their own. Scalars mean what they mean to Kubernetes, YAML 1.1: unquoted yes, no, on, off are
// booleans and 010 is eight. Refused, with the line: a key that stands twice, a merge key (<<),
// nesting or aliases beyond bounds.
Result<std::vector<Document>> parse_documents(std::string_view text, const std::string& place);

// The same, of a file of at most limits::kConfigBytes.
Result<std::vector<Document>> read_documents(const std::string& path);

}  // namespace iris::kube
