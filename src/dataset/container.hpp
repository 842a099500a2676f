// Tables that come in another form than plain text: gzip is unpacked, what cannot be read is named.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace iris::dataset {

// The text of a file's bytes: as they are, or unpacked when they are gzip (RFC 1952, also of
// several members), at most limits::kUnpackedBytes of it. Fails for what is known not to be text:
// other compressions, archives, workbooks, Parquet, UTF-16, a web page.
Result<std::string> to_text(std::string bytes, const std::string& name);

// Whether a text that starts so could be refused by to_text: it must not start a file of text.
bool starts_as_another_form(std::string_view text);

}  // namespace iris::dataset
