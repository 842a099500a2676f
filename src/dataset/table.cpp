#include "dataset/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace iris::dataset {

Table::Table(std::string name, std::string bytes, std::vector<Span> header, std::vector<Span> cells,
             std::vector<std::uint32_t> row_lines, std::size_t header_line, char separator)
    : name_(std::move(name)),
      bytes_(std::move(bytes)),
      header_(std::move(header)),
      cells_(std::move(cells)),
      row_lines_(std::move(row_lines)),
      header_line_(header_line),
      separator_(separator) {
  column_names_.reserve(header_.size());
  for (const Span& span : header_) column_names_.emplace_back(text(span));
}

std::optional<std::size_t> Table::find_column(std::string_view column_name) const {
  const auto found = std::find(column_names_.begin(), column_names_.end(), column_name);
  if (found == column_names_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - column_names_.begin());
}

// A row starts on a known line; only quoted cells before this one can have moved it further down.
Place Table::place(std::size_t row, std::size_t column) const {
  std::size_t line = row_lines_[row];
  for (std::size_t before = 0; before < column; ++before) {
    const auto cell_text = cell(row, before);
    line += static_cast<std::size_t>(std::count(cell_text.begin(), cell_text.end(), '\n'));
  }
  return {line, cells_[row * header_.size() + column].column};
}

Place Table::header_place(std::size_t column) const {
  std::size_t line = header_line_;
  for (std::size_t before = 0; before < column; ++before) {
    const auto& name = column_names_[before];
    line += static_cast<std::size_t>(std::count(name.begin(), name.end(), '\n'));
  }
  return {line, header_[column].column};
}

std::string Table::where(std::size_t row, std::size_t column) const {
  const auto [line, line_column] = place(row, column);
  return fmt::format("{}:{}:{}", name_, line, line_column);
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string shown = "\"";
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      shown += '\\';
      shown += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      shown += c == '\n'   ? "\\n"
               : c == '\r' ? "\\r"
               : c == '\t' ? "\\t"
                           : fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown + (text.size() > kShown ? "…\"" : "\"");
}

}  // namespace iris::dataset
