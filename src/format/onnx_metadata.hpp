// The parts of a Model that ONNX has no field for, as JSON texts for its metadata_props.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/model.hpp"

namespace iris::format {

// Fail when a name is not UTF-8. Numbers are written with the fewest digits that read back the
// same.
Result<std::string> feature_names_to_json(const std::vector<std::string>& names);
Result<std::string> golden_rows_to_json(const std::vector<model::GoldenRow>& rows);

Result<std::vector<std::string>> feature_names_from_json(std::string_view text);
// Sizes and labels are checked by model::validate.
Result<std::vector<model::GoldenRow>> golden_rows_from_json(std::string_view text);

}  // namespace iris::format
