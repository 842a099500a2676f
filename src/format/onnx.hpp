// ONNX: the file format of models. Reading only builds a Model and refuses what it does not know by
// name; a file that is something else (a pickle, say) is refused with how to convert it.
//
//   auto model = format::load_model("models/model.onnx");
//
// Layout and operators: github.com/onnx/onnx, docs/IR.md and docs/Operators-ml.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/model.hpp"

namespace iris::format {

// Keys of the file's metadata_props that hold parts of the Model; all others are Model::metadata.
inline constexpr const char* kFeatureNamesKey = "iris.feature_names";  // JSON, array of strings
inline constexpr const char* kGoldenRowsKey = "iris.golden_rows";      // JSON, array of objects

// A linear classifier over one float input [N, features]; outputs `label` (string [N]) and
// `probabilities` (float [N, classes]). The same model gives the same bytes. Fails as
// model::validate does.
Result<std::string> write_onnx(const model::Model& model);

// Reads what write_onnx writes and what skl2onnx writes for LogisticRegression (integer labels
// become their decimal text). `name` is the place that error messages show.
Result<model::Model> read_onnx(std::string_view bytes, const std::string& name);

// The bytes of a file whose fields are those of an ONNX model. What is none, is larger than
// limits::kModelBytes, or would take more memory than is left (memory_room) is refused before more
// than its head and its fields' tags are read.
Result<std::string> read_model_file(const std::string& path);

// Both. The golden rows it may hold are only verified by
// engine::verify_golden_rows.
Result<model::Model> load_model(const std::string& path);

// The operators of a file's graph in its order, e.g. "ai.onnx.ml.LinearClassifier".
Result<std::vector<std::string>> onnx_operators(std::string_view bytes, const std::string& name);

}  // namespace iris::format
