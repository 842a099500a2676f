#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iris {
namespace {

TEST(Utf8, IsTextOfEveryLength) {
  for (const char* text :
       {"", "a", "\x7f", "é", "\xc2\x80", "\xdf\xbf", "€", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "Fleur d'été, 鳶尾, 🌸"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  EXPECT_TRUE(is_utf8(std::string("a\0b", 3)));
}

TEST(Utf8, RefusesEveryOtherByte) {
  for (const char* text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "caf\xe9", "\xe2\x82",
        "\xe2\x28\xa1", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xf0\x9f\x8c", "\xf0\x9f\x8c\xb8\xb8"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
    EXPECT_FALSE(is_utf8(std::string("before ") + text + "a"));
  }
}

}  // namespace
}  // namespace iris
