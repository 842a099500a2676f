#include "dataset/csv.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"

namespace iris::dataset {
namespace {

// The bytes that end the fast scan over an unquoted cell.
constexpr std::array<bool, 256> special_bytes() {
  std::array<bool, 256> special{};
  for (const char c : {',', '\n', '\r', '"', '\0'}) special[static_cast<unsigned char>(c)] = true;
  return special;
}
constexpr auto kSpecial = special_bytes();

class Parser {
 public:
  Parser(std::string bytes, std::string name) : bytes_(std::move(bytes)), name_(std::move(name)) {}

  Result<Table> run() {
    if (bytes_.size() > limits::kFileBytes) {
      return input_error("{}: found {} bytes, expected at most {}", name_, bytes_.size(),
                         limits::kFileBytes);
    }
    const std::string_view start(bytes_);
    if (start.substr(0, 2) == "\xff\xfe" || start.substr(0, 2) == "\xfe\xff") {
      return fail(at_, "a UTF-16 byte-order mark", "UTF-8 text");
    }
    if (start.substr(0, 3) == "\xef\xbb\xbf") at_ = line_begin_ = 3;
    if (at_ == bytes_.size())
      return fail(at_, "an empty file", "a header line with the column names");
    if (auto header = read_header(); !header) return tl::unexpected(header.error());
    if (auto rows = read_rows(); !rows) return tl::unexpected(rows.error());
    return Table(std::move(name_), std::move(bytes_), std::move(header_), std::move(cells_),
                 std::move(row_lines_));
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
  void next_line() {
    ++line_;
    line_begin_ = at_;
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
      ++at_;  // the comma
    }
    std::unordered_map<std::string_view, std::size_t> seen;
    std::size_t line = 1;
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
    while (!at_end()) {
      if (columns > 1 && at_line_end()) {
        skip_line_end();
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
        ++at_;  // the comma
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
    while (!at_end() && !kSpecial[static_cast<unsigned char>(bytes_[at_])]) ++at_;
    if (at_ - begin > limits::kCellBytes) return too_long(line_, begin - line_begin_ + 1);
    if (!at_line_end() && bytes_[at_] != ',') return bad_byte();
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
    if (!at_line_end() && bytes_[at_] != ',') {
      return fail(at_, "text after a closing quote", "a comma or the end of the line");
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
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t line_begin_ = 0;
  std::vector<Table::Span> header_;
  std::vector<Table::Span> cells_;
  std::vector<std::uint32_t> row_lines_;
};

// A line of one empty cell must not look like an empty line, nor the start of a file like a
// byte-order mark.
bool must_be_quoted(std::string_view cell, bool alone) {
  return cell.find_first_of(",\"\r\n") != std::string_view::npos || (alone && cell.empty()) ||
         cell.starts_with("\xef\xbb\xbf") || cell.starts_with("\xfe\xff") ||
         cell.starts_with("\xff\xfe");
}

}  // namespace

Result<Table> read_csv(const std::string& path) {
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
  return parse_csv(std::move(*bytes), path);
}

Result<Table> parse_csv(std::string bytes, std::string name) {
  return Parser(std::move(bytes), std::move(name)).run();
}

std::string to_csv_line(const std::vector<std::string_view>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    if (!must_be_quoted(cells[i], cells.size() == 1)) {
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
