#include "dataset/csv.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "dataset/container.hpp"
#include "dataset/number.hpp"

namespace iris::dataset {
namespace {

constexpr std::string_view kOtherSeparators = ";\t|";

// The bytes that end the fast scan over an unquoted cell.
std::array<bool, 256> special_bytes(char separator) {
  std::array<bool, 256> special{};
  for (const char c : {separator, '\n', '\r', '"', '\0'})
    special[static_cast<unsigned char>(c)] = true;
  return special;
}

std::string_view name_of(char separator) {
  switch (separator) {
    case ';':
      return "';'";
    case '|':
      return "'|'";
    case '\t':
      return "a tab";
    default:
      return "a comma";
  }
}

// How often each byte stands outside of quotes in the line that starts at `begin`, which moves to
// the next line's start.
std::array<std::size_t, 256> count_bytes(std::string_view text, std::size_t& begin) {
  std::array<std::size_t, 256> counts{};
  bool quoted = false;
  while (begin < text.size()) {
    const char c = text[begin++];
    if (c == '\n' && !quoted) break;
    if (c == '"') quoted = !quoted;
    if (!quoted) ++counts[static_cast<unsigned char>(c)];
  }
  return counts;
}

class Parser {
 public:
  Parser(std::string bytes, std::string name, std::optional<char> separator)
      : bytes_(std::move(bytes)), name_(std::move(name)), asked_(separator) {}

  Result<Table> run() {
    if (bytes_.size() > limits::kFileBytes) {
      return input_error("{}: found {} bytes, expected at most {}", name_, bytes_.size(),
                         limits::kFileBytes);
    }
    if (auto text = to_text(std::move(bytes_), name_); text) {
      bytes_ = std::move(*text);
    } else {
      return tl::unexpected(text.error());
    }
    const std::string_view start(bytes_);
    if (start.substr(0, 3) == "\xef\xbb\xbf") at_ = line_begin_ = 3;
    while (!at_end() && at_blank_line(" \t")) skip_line();
    if (at_end()) return fail(at_, "an empty file", "a header line with the column names");
    header_line_ = line_;
    if (auto found = find_separator(); !found) return tl::unexpected(found.error());
    if (auto header = read_header(); !header) return tl::unexpected(header.error());
    if (auto rows = read_rows(); !rows) return tl::unexpected(rows.error());
    return Table(std::move(name_), std::move(bytes_), std::move(header_), std::move(cells_),
                 std::move(row_lines_), header_line_, separator_);
  }

 private:
  tl::unexpected<Error> fail(std::size_t at, std::string_view found,
                             std::string_view expected) const {
    return fail_at(line_, at - line_begin_ + 1, found, expected);
  }
  tl::unexpected<Error> fail_at(std::size_t line, std::size_t column, std::string_view found,
                                std::string_view expected) const {
    return input_error("{}:{}:{}: found {}, expected {}", name_, line, column, found, expected);
  }

  bool at_end() const { return at_ == bytes_.size(); }
  bool at_line_end() const {
    return at_end() || bytes_[at_] == '\n' ||
           (bytes_[at_] == '\r' && at_ + 1 < bytes_.size() && bytes_[at_ + 1] == '\n');
  }
  void skip_line_end() {
    if (at_end()) return;
    at_ += bytes_[at_] == '\r' ? 2 : 1;
    next_line();
  }
  bool at_blank_line(std::string_view blanks) const {
    const auto end = bytes_.find_first_not_of(blanks, at_);
    return end == std::string::npos || bytes_[end] == '\n' ||
           (bytes_[end] == '\r' && end + 1 < bytes_.size() && bytes_[end + 1] == '\n');
  }
  // Over a blank line.
  void skip_line() {
    while (!at_line_end()) ++at_;
    skip_line_end();
  }
  void next_line() {
    ++line_;
    line_begin_ = at_;
  }

  Result<void> find_separator() {
    separator_ = asked_.value_or(',');
    std::size_t at = at_;
    const auto header = count_bytes(bytes_, at);
    std::string candidates;
    for (const char c : kOtherSeparators) {
      if (header[static_cast<unsigned char>(c)] > 0) candidates += c;
    }
    if (!asked_ && header[','] == 0 && !candidates.empty()) {
      const auto row = bytes_.find_first_not_of(" \r\n", at);
      at = row == std::string::npos ? bytes_.size() : row;
      const bool any = at < bytes_.size();
      const auto next = count_bytes(bytes_, at);
      const auto sure = [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return next[byte] == header[byte];
      };
      if (candidates.size() > 1 || (any && !sure(candidates.front()))) {
        return fail(at_, fmt::format("a header without commas, but with {}", list(candidates)),
                    "a sure separator; name it: --separator");
      }
      separator_ = candidates.front();
    }
    special_ = special_bytes(separator_);
    return {};
  }

  static std::string list(std::string_view separators) {
    std::string out;
    for (const char c : separators) out.append(out.empty() ? "" : " and ").append(name_of(c));
    return out;
  }

  Result<void> read_header() {
    while (true) {
      auto cell = read_cell();
      if (!cell) return tl::unexpected(cell.error());
      if (header_.size() == limits::kTableColumns) {
        return fail_at(line_, cell->column, "one column more",
                       fmt::format("at most {}", limits::kTableColumns));
      }
      header_.push_back(*cell);
      if (at_line_end()) break;
      ++at_;  // the separator
    }
    std::unordered_map<std::string_view, std::size_t> seen;
    std::size_t line = header_line_;
    for (std::size_t i = 0; i < header_.size(); ++i) {
      const std::string_view text = text_of(header_[i]);
      if (text.empty()) return fail_at(line, header_[i].column, "an empty column name", "a name");
      const auto [first, fresh] = seen.emplace(text, i + 1);
      if (!fresh) {
        return fail_at(line, header_[i].column,
                       fmt::format("the name {} again (it is column {} already)", in_quotes(text),
                                   first->second),
                       "distinct column names");
      }
      line += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    }
    skip_line_end();
    return {};
  }

  Result<void> read_rows() {
    const std::size_t columns = header_.size();
    const std::string_view blanks = separator_ == '\t' ? " " : " \t";
    while (!at_end()) {
      if (columns > 1 && at_blank_line(blanks)) {
        skip_line();
        continue;
      }
      if (row_lines_.size() == limits::kTableRows) {
        return fail(at_, "one row more", fmt::format("at most {}", limits::kTableRows));
      }
      row_lines_.push_back(static_cast<std::uint32_t>(line_));
      for (std::size_t column = 0;; ++column) {
        auto cell = read_cell();
        if (!cell) return tl::unexpected(cell.error());
        if (column == columns) return too_many_cells(*cell);
        cells_.push_back(*cell);
        if (at_line_end()) {
          if (column + 1 < columns) return too_few_cells(column + 1);
          break;
        }
        ++at_;  // the separator
      }
      skip_line_end();
    }
    return {};
  }

  tl::unexpected<Error> too_few_cells(std::size_t count) const {
    return fail(at_, fmt::format("the end of a row of {} cell{}", count, count == 1 ? "" : "s"),
                fmt::format("{}, as the header has", header_.size()));
  }

  tl::unexpected<Error> too_many_cells(const Table::Span& first_excess) const {
    return fail_at(line_, first_excess.column, fmt::format("cell {} of a row", header_.size() + 1),
                   fmt::format("{} cell{}, as the header has", header_.size(),
                               header_.size() == 1 ? "" : "s"));
  }

  // Reads one cell and stops at the comma, line end or end of file behind it.
  Result<Table::Span> read_cell() {
    if (!at_end() && bytes_[at_] == '"') return read_quoted_cell();
    const std::size_t begin = at_;
    while (!at_end() && !special_[static_cast<unsigned char>(bytes_[at_])]) ++at_;
    if (at_ - begin > limits::kCellBytes) return too_long(line_, begin - line_begin_ + 1);
    if (!at_line_end() && bytes_[at_] != separator_) return bad_byte();
    return span(begin, at_ - begin, begin - line_begin_ + 1);
  }

  tl::unexpected<Error> bad_byte() const {
    switch (bytes_[at_]) {
      case '"':
        return fail(at_, "a quote within an unquoted cell",
                    "the whole cell in quotes, with two quotes for one");
      case '\r':
        return fail(at_, "a carriage return without a line feed", "lines that end with LF or CRLF");
      default:
        return fail(at_, "a NUL byte", "text");
    }
  }

  tl::unexpected<Error> too_long(std::size_t line, std::size_t column) const {
    return fail_at(line, column, "a longer cell",
                   fmt::format("at most {} bytes", limits::kCellBytes));
  }

  // Doubled quotes are undone in place: the text never gets longer.
  Result<Table::Span> read_quoted_cell() {
    const std::size_t open_line = line_;
    const std::size_t open_column = at_ - line_begin_ + 1;
    const std::size_t begin = ++at_;
    std::size_t end = begin;
    while (true) {
      if (at_end()) {
        return fail_at(open_line, open_column, "a quote that is never closed",
                       "a closing quote before the end of the file");
      }
      if (end - begin > limits::kCellBytes) return too_long(open_line, open_column);
      const char c = bytes_[at_];
      if (c == '\0') return bad_byte();
      if (c == '"') {
        ++at_;
        if (at_end() || bytes_[at_] != '"') break;
      }
      bytes_[end++] = c;
      ++at_;
      if (c == '\n') next_line();
    }
    if (!at_line_end() && bytes_[at_] != separator_) {
      return fail(at_, "text after a closing quote",
                  fmt::format("{} or the end of the line", name_of(separator_)));
    }
    return span(begin, end - begin, open_column);
  }

  static Table::Span span(std::size_t begin, std::size_t size, std::size_t column) {
    return {begin, static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(column)};
  }
  std::string_view text_of(const Table::Span& cell) const {
    return std::string_view(bytes_).substr(cell.begin, cell.size);
  }

  std::string bytes_;
  std::string name_;
  std::optional<char> asked_;
  char separator_ = ',';
  std::array<bool, 256> special_{};
  std::size_t header_line_ = 1;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t line_begin_ = 0;
  std::vector<Table::Span> header_;
  std::vector<Table::Span> cells_;
  std::vector<std::uint32_t> row_lines_;
};

// A line of one empty or blank cell must not look like a line without any, nor the start of a file
// like a byte-order mark, nor the separator like another.
bool must_be_quoted(std::string_view cell, bool alone, char separator) {
  const auto has = [&](std::string_view any) {
    return cell.find_first_of(any) != std::string_view::npos;
  };
  return has("\"\r\n") || has({&separator, 1}) || ((alone || separator != ',') && has(",;\t|")) ||
         (alone && is_blank(cell)) || cell.starts_with("\xef\xbb\xbf") ||
         starts_as_another_form(cell);
}

}  // namespace

Result<Table> read_csv(const std::string& path, std::optional<char> separator) {
  auto bytes = read_file(path, limits::kFileBytes, InputKind::kFileOrPipe);
  if (!bytes) {
    Error error = bytes.error();
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored) &&
        std::filesystem::exists(path + ".dvc", ignored)) {
      error.message += fmt::format("; fetch it with 'iris pull {}.dvc'", path);
    }
    return tl::unexpected(std::move(error));
  }
  return parse_csv(std::move(*bytes), path, separator);
}

Result<Table> parse_csv(std::string bytes, std::string name, std::optional<char> separator) {
  return Parser(std::move(bytes), std::move(name), separator).run();
}

Result<char> parse_separator(std::string_view text) {
  if (text == "\\t" || text == "tab") return '\t';
  if (text.size() == 1 && (text == "," || kOtherSeparators.find(text) != std::string_view::npos)) {
    return text.front();
  }
  return input_error("--separator: found {}, expected ',', ';', '|' or tab", in_quotes(text));
}

std::string to_csv_line(const std::vector<std::string_view>& cells, char separator) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += separator;
    if (!must_be_quoted(cells[i], cells.size() == 1, separator)) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char c : cells[i]) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }
  return line + '\n';
}

}  // namespace iris::dataset
