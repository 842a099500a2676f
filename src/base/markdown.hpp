// Foreign text in GitHub's Markdown.
#pragma once

#include <string>
#include <string_view>

namespace iris {

// `text` as it reads, for a paragraph, list item or table cell, and nothing but text: no element,
// comment, emphasis, link or list begins in it, nobody is mentioned (@user, @team/name), and no
// address, issue (#1, user/repo#1, GH-1) or commit is linked. Line feeds become spaces, control
// characters are made visible (visible.hpp).
//
// GitHub links names and addresses in the text that is left when Markdown's escapes are gone, so
// these are broken by an invisible space (&#8203;) and not by a backslash.
std::string inert_markdown(std::string_view text);

}  // namespace iris
