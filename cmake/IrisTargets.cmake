# Compiler settings for every target, and the functions that declare libraries and tests.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Most of a file's compile time is the libraries' headers. Where nobody edits and compiles again, a
# folder's sources share them; dev leaves files single, for clang-tidy and for quick rebuilds.
set(CMAKE_UNITY_BUILD ${IRIS_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 0)

add_library(iris_options INTERFACE)
target_compile_options(iris_options INTERFACE -Wall -Wextra -Wshadow -Wconversion)
# Decisions and coefficients must not depend on whether the compiler fused a multiply-add.
target_compile_options(iris_options INTERFACE -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms on std::string (gcc bug 105651).
  target_compile_options(iris_options INTERFACE -Wno-restrict)
endif()
if(IRIS_WERROR)
  target_compile_options(iris_options INTERFACE -Werror)
endif()
if(IRIS_SANITIZE)
  target_compile_options(iris_options INTERFACE -fsanitize=${IRIS_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(iris_options INTERFACE -fsanitize=${IRIS_SANITIZE})
  if(IRIS_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Asio's fences are not seen by this sanitizer; its locks, which order what we share, are.
    target_compile_options(iris_options INTERFACE -Wno-tsan)
  endif()
endif()
if(IRIS_FUZZ)
  # The fuzzer sees coverage of what it links, not of its own file only.
  target_compile_options(iris_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
# Boost.Asio's handlers are move-only and its deprecated names are not used here.
target_compile_definitions(iris_options INTERFACE BOOST_ASIO_NO_DEPRECATED)

if(IRIS_UNCOUNTED)
  target_compile_definitions(iris_options INTERFACE IRIS_UNCOUNTED)
endif()

set(IRIS_FMT fmt::fmt)
set(IRIS_SPDLOG spdlog::spdlog)
if(IRIS_STATIC)
  # Debian has no archives of these two, but their headers hold everything.
  set(IRIS_FMT fmt::fmt-header-only)
  set(IRIS_SPDLOG spdlog::spdlog_header_only)
  set(IRIS_YAML_NAMES libyaml-cpp.a)
  set(IRIS_NETTLE_NAMES libnettle.a)
  set(Protobuf_USE_STATIC_LIBS TRUE)
  set(ZLIB_USE_STATIC_LIBS TRUE)
  target_compile_options(iris_options INTERFACE -ffunction-sections -fdata-sections)
  target_link_options(iris_options INTERFACE -Wl,--gc-sections -Wl,--as-needed)
endif()

# iris_library(name SOURCES a.cpp … USES base …): the static library of one folder of src/.
# USES lists the folders it may include from; tests/structure checks the list against the includes.
function(iris_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(iris_${name} STATIC ${ARG_SOURCES})
  target_include_directories(iris_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(iris_${name} PUBLIC iris_options)
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(iris_${name} PUBLIC iris_${used})
  endforeach()
  target_link_libraries(iris_${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# iris_embed(folder name file): the bytes of a file as `name` in iris::<folder>::assets, whose header
# the folder writes itself. The sources are collected in `embedded`.
function(iris_embed folder name file)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -D INPUT=${file} -D OUTPUT=${output} -D NAME=${name}
            -D NAMESPACE=iris::${folder}::assets -P ${CMAKE_SOURCE_DIR}/cmake/EmbedFile.cmake
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/EmbedFile.cmake
    VERBATIM)
  set_source_files_properties(${output} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  set(embedded ${embedded} ${output} PARENT_SCOPE)
endfunction()

# iris_unit_test(folder SOURCES a_test.cpp …): the GoogleTest program of one folder of src/.
# SINGLE_FILES where the files have fixtures of the same names. THREADS where what is tested runs
# threads: the thread sanitizer has nothing to find in the others, and is not made to build them.
function(iris_unit_test name)
  cmake_parse_arguments(ARG "SINGLE_FILES;THREADS" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  if(ARG_SINGLE_FILES)
    set_target_properties(${name}_test PROPERTIES UNITY_BUILD OFF)
  endif()
  target_link_libraries(${name}_test PRIVATE ${ARG_LINKS} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE IRIS_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(IRIS_SANITIZE MATCHES thread AND NOT ARG_THREADS)
    set_target_properties(${name}_test PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  add_dependencies(unit_tests ${name}_test)
  add_test(NAME unit/${name} COMMAND ${name}_test)
  set_tests_properties(unit/${name} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()

# iris_fuzz_target(name SOURCES name_fuzz.cpp LINKS …): the libFuzzer program name_fuzz, whose seeds
# are fuzz/corpus/name.
function(iris_fuzz_target name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name}_fuzz ${ARG_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE ${ARG_LINKS})
  target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
endfunction()
