# Turns a file into a C++ source that holds its bytes, run at build time:
#
#   cmake -D INPUT=file.js -D OUTPUT=file_js.cpp -D NAME=file_js \
#         -D NAMESPACE=iris::report::assets -P EmbedFile.cmake
#
# The source defines `extern const std::string_view NAME` in that namespace. An array of characters,
# because compilers bound the length of a string literal.
file(READ "${INPUT}" hex HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
string(REGEX REPLACE "(('[^']*',){100})" "\\1\n" bytes "${bytes}")
get_filename_component(file "${INPUT}" NAME)
file(WRITE "${OUTPUT}" "// Made by EmbedFile.cmake from ${file}; a change here is lost.
#include <string_view>

namespace ${NAMESPACE} {
namespace {
constexpr char kBytes[] = {
${bytes}
};
}  // namespace
extern const std::string_view ${NAME};
const std::string_view ${NAME}(kBytes, sizeof(kBytes));
}  // namespace ${NAMESPACE}
")
