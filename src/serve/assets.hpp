// Files that are part of the program; src/serve/CMakeLists.txt says which.
#pragma once

#include <string_view>

namespace iris::serve::assets {

extern const std::string_view openapi_json;
extern const std::string_view page_html;
extern const std::string_view page_css;
extern const std::string_view page_js;

}  // namespace iris::serve::assets
