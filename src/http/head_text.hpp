// What the parser's library leaves open of a head: targets, hosts, codings, and what can be told of
// a head that was refused.
#pragma once

#include <optional>
#include <string_view>

#include "http/request.hpp"

namespace iris::http {

bool equals_ignoring_case(std::string_view a, std::string_view b);

// Whether the text is a host with or without a port (RFC 3986, section 3.2), as a Host field has
// it; the empty text is one (RFC 9112, section 3.2).
bool is_authority(std::string_view text);

// The path within a request's target in origin or absolute form (RFC 9112, section 3.2); none when
// the absolute form names no valid host. The path of "http://host" is "/".
std::optional<std::string_view> path_of_target(std::string_view target);

// What is repeated in the answer's head must not be able to say anything there: at most 128
// printable characters.
bool is_request_id(std::string_view text);

// What a Content-Encoding adds to the codings that were named before it (RFC 9110, section 8.4).
ContentCoding with_codings(ContentCoding before, std::string_view value);

// Of a message that could not be read: method, path and the fields that tell requests apart, as far
// as they stand on whole lines of its head.
Request read_refused_head(std::string_view message);

}  // namespace iris::http
