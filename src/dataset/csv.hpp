// CSV by RFC 4180, read into a Table and written back.
//
// The separator is the comma. Where the header has none outside of quotes, but one of ";", tab and
// "|", and the next line as many of it, that is the separator; where that leaves a doubt, the
// message asks for it. Files packed with gzip are unpacked (container.hpp).
//
// Beyond the RFC: lines may end with LF alone; a UTF-8 byte-order mark is skipped; the first line
// must be a header of distinct names; a line with nothing or blanks on it is skipped, unless the
// table has one column, where it is a row with an empty cell. Spaces belong to the cell. Bytes are
// kept as they are, valid UTF-8 or not; only NUL is refused. Not accepted: a quote within an
// unquoted cell, text after a closing quote, a carriage return alone, a row with more or fewer
// cells than the header.
//
// Errors read "data.csv:17:3: found …, expected …", the column counted in bytes from 1.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "dataset/table.hpp"

namespace iris::dataset {

// Bounds: kFileBytes, kUnpackedBytes, kTableColumns, kTableRows and kCellBytes of base/limits.
// Without a separator it is found in the file.
Result<Table> read_csv(const std::string& path, std::optional<char> separator = std::nullopt);

// `name` stands for the file in messages.
Result<Table> parse_csv(std::string bytes, std::string name,
                        std::optional<char> separator = std::nullopt);

// The separator that a flag names: ",", ";", "|", a tab, "\\t" or "tab".
Result<char> parse_separator(std::string_view text);

// One line with LF at its end; cells are quoted only where they must be.
std::string to_csv_line(const std::vector<std::string_view>& cells, char separator = ',');

}  // namespace iris::dataset
