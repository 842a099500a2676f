#include "base/visible.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iris {
namespace {

TEST(Visible, WhatSteersATerminalIsShown) {
  EXPECT_EQ(visible("\x1b[31mred\x1b[0m"), "\\u001b[31mred\\u001b[0m");
  EXPECT_EQ(visible("ok\rfailed\b\a"), "ok\\rfailed\\u0008\\u0007");
  EXPECT_EQ(visible("a\nb\tc"), "a\\nb\\tc");
  EXPECT_EQ(visible(std::string("a\0b\x7f", 4)), "a\\u0000b\\u007f");
  // C1: CSI and OSC in one character each, and NEL.
  EXPECT_EQ(visible("\xc2\x9b"
                    "31m\xc2\x9d\xc2\x85"),
            "\\u009b31m\\u009d\\u0085");
}

TEST(Visible, WhatReordersOrHidesTextIsShown) {
  EXPECT_EQ(visible("\u202egpj.exe\u202c"), "\\u202egpj.exe\\u202c");
  EXPECT_EQ(visible("\u2066a\u2069\u200e\u200f\u061c"), "\\u2066a\\u2069\\u200e\\u200f\\u061c");
  EXPECT_EQ(visible("a\u200bb\ufeff\u2060\u2028\u2029"), "a\\u200bb\\ufeff\\u2060\\u2028\\u2029");
  EXPECT_EQ(visible("\U000e0041"), "\\udb40\\udc41");
}

TEST(Visible, TextStaysAsItIs) {
  for (const char* text : {"", "plain", "C:\\n", "größer ≥ 3", "日本語", "שלום", "سلام",
                           "👩‍🔬 ✅", "\u00a0", "\U0010ffff"}) {
    EXPECT_EQ(visible(text), text);
    EXPECT_EQ(visible_lines(text), text);
  }
}

TEST(Visible, TwiceIsTheSameAsOnce) {
  const std::string once = visible("\x1b\n\xff\u202e\\n");
  EXPECT_EQ(visible(once), once);
}

TEST(Visible, BytesThatAreNotUtf8AreShown) {
  EXPECT_EQ(visible("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(visible("\x9b"
                    "31m"),
            "\\x9b31m");                                                      // a bare C1 byte
  EXPECT_EQ(visible("\xc0\x9b|\xe0\x80\x9b"), "\\xc0\\x9b|\\xe0\\x80\\x9b");  // overlong
  EXPECT_EQ(visible("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half a surrogate pair
  EXPECT_EQ(visible("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(visible("\xe2\x82"), "\\xe2\\x82");
}

TEST(Visible, LinesOfOursStayLines) {
  EXPECT_EQ(visible_lines("a\n\tb\r\n\x1b"), "a\n\tb\\r\n\\u001b");
}

}  // namespace
}  // namespace iris
