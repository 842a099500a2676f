#include "base/markdown.hpp"

#include <algorithm>

#include "base/visible.hpp"

namespace iris {
namespace {

constexpr const char* kBreak = "&#8203;";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_letter(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool starts_with_nocase(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char l, char c) {
           return l == c || (c >= 'A' && c <= 'Z' && l == static_cast<char>(c - 'A' + 'a'));
         });
}

// Hexadecimal and not only digits: a commit, as far as GitHub can tell without looking it up.
bool is_commit(std::string_view word) {
  return word.size() >= 7 && word.size() <= 40 &&
         std::all_of(word.begin(), word.end(),
                     [](char c) { return is_digit(c) || is_hex_letter(c); }) &&
         std::any_of(word.begin(), word.end(), is_hex_letter);
}

// How many characters of `rest`, which begins a word, go out before a break; 0 for no break.
std::size_t break_in_word(std::string_view rest) {
  if (starts_with_nocase(rest, "www.")) return 3;
  if (starts_with_nocase(rest, "gh-") && rest.size() > 3 && is_digit(rest[3])) return 3;
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_word);
  return is_commit({rest.begin(), end}) ? 1 : 0;
}

// Where a backslash keeps the line from beginning a list, a quotation, a heading or a rule: "- ",
// "1. ", "> ", "===", "---".
std::size_t marker(std::string_view text) {
  const auto digits =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  if (digits > 0) {
    return digits < text.size() && (text[digits] == '.' || text[digits] == ')') &&
                   (digits + 1 == text.size() || text[digits + 1] == ' ')
               ? digits
               : std::string_view::npos;
  }
  if (text.starts_with('>')) return 0;
  const bool sign =
      !text.empty() && std::string_view("-+=").find(text[0]) != std::string_view::npos;
  return sign && (text.size() == 1 || !is_digit(text[1])) ? 0 : std::string_view::npos;
}

void append_character(std::string_view rest, std::string& out) {
  const char c = rest[0];
  const bool before_word = rest.size() > 1 && is_word(rest[1]);
  switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '@':
      out += '@';
      if (before_word) out += kBreak;
      break;
    case '#':
      out += before_word ? "#" : "\\#";
      if (before_word) out += kBreak;
      break;
    case ':':
      out += ':';
      if (rest.substr(1).starts_with("//")) out += kBreak;
      break;
    default:
      if (std::string_view("\\`*_[]|~").find(c) != std::string_view::npos) out += '\\';
      out += c;
  }
}

}  // namespace

std::string inert_markdown(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  line = visible(line);
  std::string out;
  out.reserve(line.size());
  const std::size_t escaped = marker(line);
  for (std::size_t i = 0; i < line.size(); ++i) {
    const std::string_view rest = std::string_view(line).substr(i);
    const bool word_begins = is_word(line[i]) && (i == 0 || !is_word(line[i - 1]));
    if (i == escaped) out += '\\';
    if (const std::size_t first = word_begins ? break_in_word(rest) : 0; first > 0) {
      out += rest.substr(0, first);
      out += kBreak;
      i += first - 1;
    } else {
      append_character(rest, out);
    }
  }
  return out;
}

}  // namespace iris
