// What a browser need not be asked about the page; tests/e2e/test_report.py asks one the rest.
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "report/assets.hpp"
#include "report/chart_data.hpp"
#include "report/html.hpp"

namespace iris::report {
namespace {

std::vector<Run> fixture(const std::string& name) {
  auto runs = read_runs(std::string(IRIS_SOURCE_DIR) + "/tests/golden/report/" + name);
  EXPECT_TRUE(runs) << runs.error().message;
  return runs ? std::move(*runs) : std::vector<Run>{};
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Page, HasASectionForEachScenario) {
  const auto page = to_html(fixture("good.jsonl"));
  EXPECT_EQ(count_of(page, "<section class=\"scenario\""), 4U);
  EXPECT_EQ(count_of(page, "<div class=\"headlines\">"), 1U);
  EXPECT_EQ(count_of(page, "<tbody class=\"reference\">"), 2U);
}

TEST(Page, NumbersScenariosThroughSeveralRuns) {
  auto runs = fixture("good.jsonl");
  runs.push_back(fixture("lost.jsonl").front());
  const auto page = to_html(runs);
  EXPECT_EQ(count_of(page, "<article>"), 2U);
  EXPECT_EQ(count_of(page, "id=\"s4\""), 1U);
  EXPECT_EQ(count_of(page, "href=\"#s4\""), 1U);
}

TEST(Page, EmbedsScriptsThatCannotEndTheirElement) {
  for (const auto script : {assets::dygraph_js, assets::report_js}) {
    EXPECT_FALSE(script.empty());
    EXPECT_EQ(script.find("</script"), std::string_view::npos);
    EXPECT_EQ(script.find("<!--"), std::string_view::npos);
  }
  EXPECT_EQ(assets::dygraph_css.find("</style"), std::string_view::npos);
  EXPECT_EQ(assets::report_css.find("</style"), std::string_view::npos);
}

TEST(Page, NamesNothingToFetch) {
  const auto page = to_html(fixture("hostile.jsonl"));
  EXPECT_FALSE(std::regex_search(page, std::regex("<(link|img|iframe|object|embed)\\b")));
  EXPECT_EQ(count_of(page, " src="),
            count_of(page, "&lt;img src=") + count_of(page, "u003cimg src="));
  EXPECT_EQ(count_of(page, "sourceMappingURL=dygraph.min.js"), 0U);
  EXPECT_EQ(count_of(page, "@import"), 0U);
  EXPECT_EQ(count_of(page, "default-src 'none'"), 1U);
}

TEST(Page, EscapesWhatRecordsSay) {
  const auto page = to_html(fixture("hostile.jsonl"));
  // The page's own: one of data, the library, the script that draws.
  EXPECT_EQ(count_of(page, "<script"), 3U);
  EXPECT_EQ(count_of(page, "</script>"), 3U);
  EXPECT_EQ(count_of(page, "<svg"), 0U);
  EXPECT_GT(count_of(page, "&lt;svg onload"), 0U);
}

TEST(Page, DataCannotEndItsElement) {
  EXPECT_EQ(script_safe({{"a", "</script><!--&\xE2\x80\xA8"}}),
            R"({"a":"\u003c/script\u003e\u003c!--\u0026\u2028"})");
}

TEST(Page, DataKeepsWhatIsMissingMissing) {
  const auto runs = fixture("no_limits.jsonl");
  const auto data = chart_data(runs[0], runs[0].scenarios[0]);
  EXPECT_TRUE(data["limit"].is_null());
  EXPECT_TRUE(data["replicas"][0]["throttled"].back().is_null());
  EXPECT_TRUE(data["p50"][0].is_null());
  EXPECT_EQ(data["t"].size(), data["total"].size());
}

}  // namespace
}  // namespace iris::report
