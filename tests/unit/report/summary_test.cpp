#include "report/summary.hpp"

#include <gtest/gtest.h>

#include <string>

#include "report/comparison.hpp"
#include "report/markdown.hpp"
#include "report/text.hpp"

namespace iris::report {
namespace {

Run fixture(const std::string& name) {
  auto runs = read_runs(std::string(IRIS_SOURCE_DIR) + "/tests/golden/report/" + name);
  EXPECT_TRUE(runs) << runs.error().message;
  return runs ? std::move(runs->front()) : report::Run{};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Summary, NamesTheBottleneckWithItsFigures) {
  const report::Run run = fixture("good.jsonl");
  EXPECT_EQ(
      observation(run, run.scenarios[1]),
      "maxReplicas holds it at 1 replica: CPU quota throttled in 100 % of periods (224 of 225 "
      "milli-CPU used) while the HPA asked for 9.");
  EXPECT_TRUE(contains(observation(run, run.scenarios[0]),
                       "Scaled from 1 to 3 replicas in 1.6 s, then maxReplicas holds it at 3"));
}

TEST(Summary, ComparesOneFactorAtATime) {
  const report::Run run = fixture("good.jsonl");
  const auto all = compare(run);
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(title_of(all[0]), "max 3 against max 1, at 1,000 connections");
  EXPECT_EQ(title_of(all[1]), "max 3 against max 1, at 2,000 connections");
  EXPECT_EQ(title_of(all[2]), "2,000 against 1,000 connections, at max 3");
  EXPECT_EQ(title_of(all[3]), "2,000 against 1,000 connections, at max 1");
  EXPECT_NEAR(*all[0].steady_ratio, 3.0, 0.05);
  EXPECT_NEAR(*all[0].p99_ratio, 0.66, 0.01);
}

TEST(Summary, ComparesNothingThatDiffersInTwoFactors) {
  report::Run run = fixture("good.jsonl");
  run.scenarios = {run.scenarios[0], run.scenarios[3]};  // as the reference did
  EXPECT_TRUE(compare(run).empty());
  run = fixture("good.jsonl");
  run.scenarios.resize(2);
  run.scenarios[1].load_duration_s = 60;
  EXPECT_TRUE(compare(run).empty());
}

TEST(Summary, SupportsNoP99FromFewRequests) {
  EXPECT_FALSE(enough_for_p99({}));
  EXPECT_FALSE(enough_for_p99(458));
  EXPECT_TRUE(enough_for_p99(459));
  report::Run run = fixture("good.jsonl");
  EXPECT_EQ(summarize(run).results.rows[0][4], "83.0 ms");
  run.scenarios[0].end->probe.samples = 458;
  EXPECT_EQ(summarize(run).results.rows[0][4], kMissing);
  EXPECT_EQ(summarize(run).results.rows[0][3], "0.95 ms");
  run.scenarios[0].end->probe.samples = 6;
  EXPECT_EQ(summarize(run).results.rows[0][3], kMissing);
}

TEST(Summary, MarksLatenciesThatLittlesLawForbids) {
  report::Run run = fixture("good.jsonl");
  run.scenarios[0].end->littles_law = {.ok = false, .in_flight = 1870};
  const auto summary = summarize(run);
  EXPECT_EQ(summary.results.rows[0][3], "not supported");
  EXPECT_EQ(summary.results.rows[0][4], "not supported");
  EXPECT_EQ(summary.checks.rows[0][3], "1,870 of 1,000: impossible");
  ASSERT_EQ(summary.happened.size(), 1U);
  EXPECT_TRUE(contains(summary.happened[0], "by Little's law at least 1,870 requests"));
  EXPECT_FALSE(compare(run)[0].p99_ratio);
}

TEST(Summary, ShowsWrksOwnLatenciesOnlyAsWhatTheyAre) {
  report::Run run = fixture("good.jsonl");
  auto& load = run.scenarios[0].end->load;
  load.wrk_latency.mean_us = 33'200;  // as an old record has it: 1,870 of 1,000 in flight
  load.requests_per_s = 56'325;
  const auto markdown = to_markdown(std::vector<report::Run>{run});
  const auto own = markdown.find("## What wrk printed");
  ASSERT_NE(own, std::string::npos);
  EXPECT_EQ(markdown.substr(0, own).find("46.2 ms"), std::string::npos);
  EXPECT_TRUE(contains(markdown.substr(own), "samples that it invented"));
  EXPECT_TRUE(contains(markdown.substr(own),
                       "Not supported: by Little's law 1,870 requests would have been under way on "
                       "1,000 connections."));
  // A new record has the text, as a block in which nothing is markup.
  load.output = "  7 requests\n\n\x1b[2J| # <b>\n";
  run.scenarios[0].end->load_errors = "post.lua: oops";
  EXPECT_TRUE(contains(to_markdown(std::vector<report::Run>{run}),
                       "\n      7 requests\n\n    ?[2J| # <b>\n    Standard error:\n    post.lua: "
                       "oops\n"));
}

TEST(Summary, CountsNoFailureOnlyWhereAllWereCounted) {
  EXPECT_TRUE(contains(summarize(fixture("good.jsonl")).verdict, "No request failed."));
  const auto cut = summarize(fixture("cut_off.jsonl"));
  EXPECT_FALSE(contains(cut.verdict, "No request failed."));
  EXPECT_EQ(cut.results.rows.back()[7], kMissing);
}

TEST(Summary, SaysWhatHappened) {
  EXPECT_TRUE(summarize(fixture("good.jsonl")).happened.empty());
  const auto text = [](const std::string& name) {
    std::string all;
    for (const auto& line : summarize(fixture(name)).happened) all += line + "\n";
    return all;
  };
  const auto lost = text("lost.jsonl");
  EXPECT_TRUE(contains(
      lost,
      "at 11.3 s: iris-api-2 was killed by signal 9 (Killed); iris-api-4 was ready 0.4 s later."));
  EXPECT_TRUE(
      contains(lost, "334 requests failed (other than 2xx 0; sockets: connect 0, read 334,"));
  EXPECT_TRUE(contains(text("interrupted.jsonl"), "interrupted after 7.6 s (SIGINT)."));
  EXPECT_TRUE(contains(text("cut_off.jsonl"), "its last line is half written"));
  EXPECT_TRUE(contains(text("no_limits.jsonl"), "no CPU or memory limits"));
}

TEST(Summary, ExplainsTheTargetWithThisRunsFigures) {
  std::string target;
  for (const auto& [term, text] : summarize(fixture("good.jsonl")).notes) {
    if (term == "The target") target = text;
  }
  EXPECT_TRUE(contains(target,
                       "60 % of the request of 100m, while the limit is 500m: it aims at 12 % of "
                       "what a pod may use"));
  EXPECT_TRUE(contains(target, "asked for up to 25 pods"));
}

TEST(Summary, OfARunWithoutScenariosIsShort) {
  report::Run run;
  run.experiment = "empty";
  const auto markdown = to_markdown(std::vector<report::Run>{run});
  EXPECT_TRUE(contains(markdown, "# empty\n"));
  EXPECT_TRUE(contains(markdown, "No scenario was recorded."));
  EXPECT_FALSE(contains(markdown, "| Scenario"));
}

}  // namespace
}  // namespace iris::report
