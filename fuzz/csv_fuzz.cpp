// Any bytes: the reader gives a table whose cells lie where it says, or a message with a place; and
// what it read is read again from what is written.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "dataset/csv.hpp"
#include "dataset/examples.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::string written(const iris::dataset::Table& table) {
  const auto& names = table.column_names();
  std::string text = iris::dataset::to_csv_line({names.begin(), names.end()});
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::vector<std::string_view> cells;
    for (std::size_t column = 0; column < table.columns(); ++column) {
      cells.push_back(table.cell(row, column));
    }
    text += iris::dataset::to_csv_line(cells);
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto table = iris::dataset::parse_csv(bytes, "data.csv");
  if (!table) {
    require(table.error().message.rfind("data.csv:", 0) == 0);
    return 0;
  }
  std::size_t last_line = 1;
  for (std::size_t row = 0; row < table->rows(); ++row) {
    const auto place = table->place(row, table->columns() - 1);
    require(place.line > last_line && place.column >= 1 && place.column <= size + 1);
    last_line = place.line;
  }
  const std::string once = written(*table);
  const auto again = iris::dataset::parse_csv(once, "data.csv");
  require(again.has_value() && written(*again) == once);
  static_cast<void>(iris::dataset::to_examples(*table));
  return 0;
}
