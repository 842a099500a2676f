#include "base/markdown.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iris {
namespace {

TEST(InertMarkdown, MarksAreTextAndLinesAreOne) {
  EXPECT_EQ(inert_markdown("a|b\nc <b> *d* `e`"), "a\\|b c &lt;b> \\*d\\* \\`e\\`");
  EXPECT_EQ(inert_markdown("[x](y) ![i](z) ~~s~~ a_b_ \\"),
            "\\[x\\](y) !\\[i\\](z) \\~\\~s\\~\\~ "
            "a\\_b\\_ \\\\");
  EXPECT_EQ(inert_markdown("<!-- x --> &lt; &#64;user"),
            "&lt;!-- x --> &amp;lt; &amp;#&#8203;64;user");
}

TEST(InertMarkdown, NobodyIsMentioned) {
  EXPECT_EQ(inert_markdown("@user"), "@&#8203;user");
  EXPECT_EQ(inert_markdown("cc @team/name, a@b.c"), "cc @&#8203;team/name, a@&#8203;b.c");
  EXPECT_EQ(inert_markdown("3 @ 4"), "3 @ 4");
}

TEST(InertMarkdown, NoIssueAndNoCommitIsLinked) {
  EXPECT_EQ(inert_markdown("#1 user/repo#12"), "#&#8203;1 user/repo#&#8203;12");
  EXPECT_EQ(inert_markdown("GH-1 gh-20 high-3"), "GH-&#8203;1 gh-&#8203;20 high-3");
  EXPECT_EQ(inert_markdown("deadbee"), "d&#8203;eadbee");
  EXPECT_EQ(inert_markdown("at 0123456789abcdef0123456789abcdef01234567."),
            "at 0&#8203;123456789abcdef0123456789abcdef01234567.");
  EXPECT_EQ(inert_markdown("user@deadbeef"), "user@&#8203;d&#8203;eadbeef");
  // Figures, short words and longer digests are none.
  EXPECT_EQ(inert_markdown("1234567 facade 0.9333333"), "1234567 facade 0.9333333");
}

TEST(InertMarkdown, NoAddressIsLinked) {
  EXPECT_EQ(inert_markdown("https://e.org ftp://e.org"), "https:&#8203;//e.org ftp:&#8203;//e.org");
  EXPECT_EQ(inert_markdown("www.e.org WWW.E.org"), "www&#8203;.e.org WWW&#8203;.E.org");
  EXPECT_EQ(inert_markdown("<https://e.org> mailto:a@b.c"),
            "&lt;https:&#8203;//e.org> mailto:a@&#8203;b.c");
}

TEST(InertMarkdown, NoBlockBegins) {
  EXPECT_EQ(inert_markdown("# title"), "\\# title");
  EXPECT_EQ(inert_markdown("> quote"), "\\> quote");
  EXPECT_EQ(inert_markdown("- item"), "\\- item");
  EXPECT_EQ(inert_markdown("+ item"), "\\+ item");
  EXPECT_EQ(inert_markdown("10. item"), "10\\. item");
  EXPECT_EQ(inert_markdown("1) item"), "1\\) item");
  EXPECT_EQ(inert_markdown("==="), "\\===");
  EXPECT_EQ(inert_markdown("-0.5"), "-0.5");
  EXPECT_EQ(inert_markdown("1.5 ms"), "1.5 ms");
}

TEST(InertMarkdown, ControlCharactersAreVisible) {
  EXPECT_EQ(inert_markdown("a\x1b[1m\u202e"), "a\\\\u001b\\[1m\\\\u202e");
}

}  // namespace
}  // namespace iris
