// A table of text: what a CSV file holds, with the place of every cell for messages.
//
//   auto table = read_csv("data/data.csv");          // csv.hpp
//   table->cell(0, table->find_column("species").value());
//   table->where(0, 4);                              // "data/data.csv:2:17"
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace iris::dataset {

// Both count from 1; `column` counts bytes in the line, as compilers do.
struct Place {
  std::size_t line = 1;
  std::size_t column = 1;
  bool operator==(const Place&) const = default;
};

class Table {
 public:
  // One cell's bytes within the buffer; 16 bytes each, for tables with many rows.
  struct Span {
    std::uint64_t begin = 0;
    std::uint32_t size = 0;
    std::uint32_t column = 1;  // of Place
  };

  // `bytes` holds the text of all cells. `header` and `cells` (row-major, header.size() per row)
  // point into it; `row_lines` holds the line that each row starts on, `header_line` the header's.
  // Made by csv.hpp.
  Table(std::string name, std::string bytes, std::vector<Span> header, std::vector<Span> cells,
        std::vector<std::uint32_t> row_lines, std::size_t header_line = 1, char separator = ',');

  // The file, as messages name it.
  const std::string& name() const { return name_; }
  std::size_t rows() const { return row_lines_.size(); }
  // Between the cells of the file.
  char separator() const { return separator_; }
  std::size_t columns() const { return header_.size(); }
  const std::vector<std::string>& column_names() const { return column_names_; }
  std::optional<std::size_t> find_column(std::string_view column_name) const;

  // Valid as long as the table.
  std::string_view cell(std::size_t row, std::size_t column) const {
    return text(cells_[row * header_.size() + column]);
  }
  Place place(std::size_t row, std::size_t column) const;
  Place header_place(std::size_t column) const;
  // "file:line:column".
  std::string where(std::size_t row, std::size_t column) const;

 private:
  std::string_view text(const Span& span) const {
    return std::string_view(bytes_).substr(span.begin, span.size);
  }

  std::string name_;
  std::string bytes_;
  std::vector<Span> header_;
  std::vector<Span> cells_;
  std::vector<std::uint32_t> row_lines_;
  std::size_t header_line_;
  char separator_;
  std::vector<std::string> column_names_;
};

// The text in quotes for a message (not `quoted`, which std::string would look up in std): control
// characters escaped, the end of a long one left out.
std::string in_quotes(std::string_view text);

}  // namespace iris::dataset
