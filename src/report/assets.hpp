// Files that are part of the program; src/report/CMakeLists.txt says which.
#pragma once

#include <string_view>

namespace iris::report::assets {

extern const std::string_view dygraph_js;
extern const std::string_view dygraph_css;
extern const std::string_view report_js;
extern const std::string_view report_css;

}  // namespace iris::report::assets
