#include "dataset/container.hpp"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/limits.hpp"

namespace iris::dataset {
namespace {

using namespace std::string_view_literals;

struct Known {
  std::string_view start;
  const char* found;
  const char* expected;
};

// Starts that text may have too are known only before a byte that no text has.
constexpr Known kKnown[] = {
    {"PAR1"sv, "a Parquet file",
     "CSV; pandas.read_parquet(...).to_csv(..., index=False) writes it"},
    {"ARROW1"sv, "an Arrow file", "CSV"},
    {"\xd0\xcf\x11\xe0"sv, "an Excel workbook (xls)", "CSV; save the sheet as CSV UTF-8"},
    {"BZh"sv, "a bzip2 file", "CSV, plain or gzip"},
    {"\xfd\x37zXZ"sv, "an xz file", "CSV, plain or gzip"},
    {"\x28\xb5\x2f\xfd"sv, "a Zstandard file", "CSV, plain or gzip"},
    {"7z\xbc\xaf"sv, "a 7z archive", "CSV, plain or gzip"},
    {"\x89HDF"sv, "an HDF5 file", "CSV"},
    {"SQLite format 3"sv, "an SQLite database", "CSV"},
    {"%PDF-"sv, "a PDF", "CSV"},
    {"version https://git-lfs"sv, "a pointer of Git LFS",
     "the file itself; 'git lfs pull' gets it"},
    {"\xff\xfe"sv, "a UTF-16 byte-order mark", "UTF-8 text"},
    {"\xfe\xff"sv, "a UTF-16 byte-order mark", "UTF-8 text"},
};

constexpr std::string_view kTextStarts[] = {"PAR1"sv, "ARROW1"sv, "BZh"sv, "7z\xbc\xaf"sv,
                                            "SQLite format 3"sv};

bool is_binary(std::string_view bytes) {
  const auto head = bytes.substr(0, 4096);
  return std::any_of(head.begin(), head.end(),
                     [](char c) { return static_cast<unsigned char>(c) < '\t'; });
}

bool is_known(const Known& known, std::string_view text) {
  if (text.substr(0, known.start.size()) != known.start) return false;
  const bool sure = std::find(std::begin(kTextStarts), std::end(kTextStarts), known.start) ==
                    std::end(kTextStarts);
  return sure || is_binary(text);
}

tl::unexpected<Error> refuse(const std::string& name, std::string_view found,
                             std::string_view expected) {
  return input_error("{}:1:1: found {}, expected {}", name, found, expected);
}

bool starts_as_page(std::string_view text) {
  constexpr std::string_view kStarts[] = {"<!doctype html"sv, "<html"sv, "<?xml"sv};
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  return std::any_of(std::begin(kStarts), std::end(kStarts), [&](std::string_view start) {
    const auto begin = text.substr(0, start.size());
    return begin.size() == start.size() &&
           std::equal(begin.begin(), begin.end(), start.begin(), same);
  });
}

// Workbooks are zip archives whose first parts have well-known names.
const char* name_zip(std::string_view bytes) {
  const auto head = bytes.substr(0, 4096);
  const bool workbook = head.find("xl/") != std::string_view::npos ||
                        head.find("[Content_Types].xml") != std::string_view::npos;
  return workbook ? "an Excel workbook (xlsx)" : "a zip archive";
}

using Inflater = std::unique_ptr<z_stream, int (*)(z_stream*)>;

Result<std::string> inflate_all(const std::string& bytes, const std::string& name) {
  z_stream stream{};
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return environment_error("{}: no memory", name);
  const Inflater owner(&stream, inflateEnd);
  std::string text;
  std::string piece(std::size_t{1} << 18, '\0');
  std::string_view rest(bytes);
  constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // zlib counts in 32 bits
  while (true) {
    const auto input = rest.substr(0, kMostAtOnce);
    // zlib's input is not const, and not written to.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    rest.remove_prefix(input.size() - stream.avail_in);
    const std::size_t made = piece.size() - stream.avail_out;
    if (made > limits::kUnpackedBytes - text.size()) {
      return refuse(name, "a gzip file that unpacks to more",
                    fmt::format("at most {} bytes", limits::kUnpackedBytes));
    }
    text.append(piece, 0, made);
    if (status == Z_STREAM_END) {
      // Another member may follow; padding of zeros ends the file too, as gzip takes it.
      if (rest.find_first_not_of('\0') == std::string_view::npos) return text;
      inflateReset(&stream);
    } else if (status != Z_OK) {
      return refuse(
          name, status == Z_BUF_ERROR ? "a gzip file that ends too early" : "a damaged gzip file",
          "a whole one");
    }
  }
}

}  // namespace

Result<std::string> to_text(std::string bytes, const std::string& name) {
  const std::string_view start(bytes);
  if (start.substr(0, 2) == "\x1f\x8b"sv) {
    auto text = inflate_all(bytes, name);
    if (!text) return text;
    bytes = std::move(*text);
  }
  const std::string_view text(bytes);
  for (const Known& known : kKnown) {
    if (is_known(known, text)) return refuse(name, known.found, known.expected);
  }
  if (text.substr(0, 2) == "\x1f\x8b"sv) return refuse(name, "gzip within gzip", "CSV");
  if (text.substr(0, 4) == "PK\x03\x04"sv) {
    return refuse(name, name_zip(text), "CSV; save the sheet as CSV UTF-8, or unpack the archive");
  }
  if (starts_as_page(text)) return refuse(name, "a web page or XML", "CSV");
  if (text.size() >= 4 && ((text[1] == '\0' && text[3] == '\0' && text[0] != '\0') ||
                           (text[0] == '\0' && text[2] == '\0' && text[1] != '\0'))) {
    return refuse(name, "UTF-16 text without a byte-order mark", "UTF-8 text");
  }
  return bytes;
}

bool starts_as_another_form(std::string_view text) {
  return text.substr(0, 2) == "\x1f\x8b"sv || text.substr(0, 4) == "PK\x03\x04"sv ||
         starts_as_page(text) ||
         std::any_of(std::begin(kKnown), std::end(kKnown), [&](const Known& known) {
           return text.substr(0, known.start.size()) == known.start;
         });
}

}  // namespace iris::dataset
