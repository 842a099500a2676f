#include "dataset/config_text.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "dataset/table.hpp"

namespace iris::dataset {
namespace {

std::string_view stripped(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\v\f";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

bool is_quote(char c) {
  return c == '"' || c == '\'';
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && is_quote(text.front()) && text.front() == text.back()) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool ends_item(std::string_view rest) {
  rest = stripped(rest);
  return rest.empty() || rest.front() == ',' || rest.front() == '#';
}

// The end of the item that the text begins with. A quoted one ends at the first quote that a comma,
// a comment or the end follows.
std::optional<std::size_t> item_end(std::string_view text) {
  if (text.empty() || !is_quote(text.front()))
    return std::min(text.find_first_of(",#"), text.size());
  for (auto quote = text.find(text.front(), 1); quote != std::string_view::npos;
       quote = text.find(text.front(), quote + 1)) {
    if (ends_item(text.substr(quote + 1))) return quote + 1;
  }
  return std::nullopt;
}

// Takes the value apart; false when configobj takes it for no value.
bool read_value(std::string_view text, ConfigEntry& entry) {
  for (const std::string_view triple : {"\"\"\"", "'''"}) {
    if (!text.starts_with(triple)) continue;
    const auto end = text.find(triple, triple.size());
    if (end == std::string_view::npos) return false;
    const std::string_view rest = stripped(text.substr(end + triple.size()));
    entry.value = text.substr(triple.size(), end - triple.size());
    return rest.empty() || rest.front() == '#';
  }
  for (text = stripped(text);; text = stripped(text.substr(1))) {
    const auto end = item_end(text);
    if (!end) return false;
    const std::string_view item = stripped(text.substr(0, *end));
    text = stripped(text.substr(*end));
    const bool more = !text.empty() && text.front() == ',';
    if (more && item.empty()) return !entry.list && stripped(text.substr(1)).empty();
    if (!entry.value.empty() && !item.empty()) entry.value += ',';
    entry.value += unquoted(item);
    if (!more) return true;
    entry.list = true;
  }
}

// The name within the brackets of a section's line, and how deep it is; nothing when it is no
// section.
std::optional<std::pair<std::size_t, std::string>> read_section(std::string_view line) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  std::size_t depth = 0;
  std::size_t begin = 0;
  for (; begin < line.size() && (line[begin] == '[' || is_blank(line[begin])); ++begin) {
    if (line[begin] == '[') ++depth;
  }
  for (auto end = line.find(']', begin); end != std::string_view::npos;
       end = line.find(']', end + 1)) {
    std::size_t closed = 0;
    std::size_t after = end;
    for (; after < line.size() && (line[after] == ']' || is_blank(line[after])); ++after) {
      if (line[after] == ']') ++closed;
    }
    const std::string_view name = stripped(line.substr(begin, end - begin));
    if (after < line.size() && line[after] != '#') continue;
    if (closed != depth || stripped(unquoted(name)).empty()) return std::nullopt;
    return std::pair(depth, lowered(unquoted(name)));
  }
  return std::nullopt;
}

// Where the key ends: a quoted one may hold an equals sign.
std::size_t key_end(std::string_view line) {
  std::size_t from = 0;
  if (is_quote(line.front())) from = line.find(line.front(), 1);
  return from == std::string_view::npos ? from : line.find('=', from);
}

// configobj replaces %(name)s by another value of the file.
bool is_interpolated(std::string_view value) {
  const auto begin = value.find("%(");
  return begin != std::string_view::npos && value.find(")s", begin) != std::string_view::npos;
}

}  // namespace

Result<std::vector<ConfigEntry>> parse_config_text(const std::string& text,
                                                   const std::string& name) {
  std::vector<ConfigEntry> entries;
  std::vector<std::string> sections;
  std::set<std::pair<std::vector<std::string>, std::string>> seen;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::size_t line_number = 0;
  for (std::size_t begin = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
       begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = stripped(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++line_number;
    if (line.empty() || line.front() == '#') continue;
    const auto refused = [&](std::string_view expected) {
      return input_error("{}:{}: found {}, expected {}", name, line_number, in_quotes(line),
                         expected);
    };
    if (line.front() == '[') {
      auto section = read_section(line);
      if (!section) return refused("a section that ends with ]");
      if (section->first > sections.size() + 1) return refused("a section one level deeper");
      sections.resize(section->first - 1);
      sections.push_back(std::move(section->second));
      continue;
    }
    const auto equals = key_end(line);
    if (equals == std::string_view::npos || equals == 0) {
      return refused("[section] or key = value");
    }
    ConfigEntry entry;
    entry.sections = sections;
    entry.key = lowered(unquoted(stripped(line.substr(0, equals))));
    entry.line_number = line_number;
    const auto place = [&] { return fmt::format("{}:{}: {}", name, line_number, entry.key); };
    // The value may be a secret: it is not shown.
    if (!read_value(stripped(line.substr(equals + 1)), entry)) {
      return input_error(
          "{}: found a quote or a comma that stands alone, expected a value on one "
          "line",
          place());
    }
    if (is_interpolated(entry.value)) {
      return input_error("{}: found %(…)s, expected a value without references", place());
    }
    if (!seen.emplace(sections, entry.key).second) {
      return input_error("{}: found the key again, expected each key once", place());
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace iris::dataset
