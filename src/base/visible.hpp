// Text from elsewhere, before it reaches a terminal or a log: what would steer them is shown
// instead. A label of a table or a message of a server must not colour, overwrite or reorder what
// stands beside it.
#pragma once

#include <string>
#include <string_view>

namespace iris {

// On one line: control characters (C0, DEL, C1), line separators, the marks that change the
// direction of text, what has no width and tags become JSON's escapes (\n, \u001b, \u202e), bytes
// that are not UTF-8 become \xff. Everything else stays as it is, a backslash too, so that the
// result can be made visible again, and JSON stays the JSON it was.
std::string visible(std::string_view text);

// The same, but line feeds and tabs stay: for a text of several lines that we wrote ourselves.
std::string visible_lines(std::string_view text);

}  // namespace iris
