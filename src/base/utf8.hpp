// Whether bytes are text.
#pragma once

#include <string_view>

namespace iris {

// By RFC 3629: no surrogates, nothing longer than needed, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace iris
