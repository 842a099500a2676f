#include "serve/json_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iris::serve {
namespace {

std::string as_json(std::string_view text) {
  http::Buffer out;
  append_json_string(out, text);
  return {out.data(), out.size()};
}

TEST(JsonText, EscapesWhatMustBe) {
  EXPECT_EQ(as_json("a\"b\\c\n\x01ä"), R"("a\"b\\c\u000a\u0001ä")");
}

TEST(JsonText, CutsQuotesAtACharacter) {
  EXPECT_EQ(in_quotes("abc"), "\"abc\"");
  EXPECT_EQ(in_quotes(std::string(39, 'x') + "ä"), "\"" + std::string(39, 'x') + "…\"");
  EXPECT_EQ(in_quotes(std::string(41, 'x')), "\"" + std::string(40, 'x') + "…\"");
}

TEST(JsonText, KnowsTheGrammarOfNumbers) {
  for (const char* good : {"0", "-0", "1.5", "10", "1e5", "1E+05", "-1.25e-3"}) {
    EXPECT_TRUE(is_json_number(good)) << good;
  }
  for (const char* bad : {"", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1 ", "NaN"}) {
    EXPECT_FALSE(is_json_number(bad)) << bad;
  }
}

TEST(JsonText, FindsTheFirstByteThatIsNotJson) {
  EXPECT_EQ(find_json_error(R"({"a":[1,2.5,"x",null,true]})"), std::nullopt);
  EXPECT_EQ(find_json_error("[1,]"), 3U);
  EXPECT_EQ(find_json_error("[1"), 2U);
}

}  // namespace
}  // namespace iris::serve
