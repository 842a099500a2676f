#include "report/records.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "base/limits.hpp"

namespace iris::report {
namespace {

const std::string kRun = R"({"v":1,"type":"run","experiment":"e","title":"T"})"
                         "\n";
const std::string kStart =
    R"({"v":1,"type":"scenario_start","scenario":"a","t":-1,"connections":10})"
    "\n";
const std::string kEnd = R"({"v":1,"type":"run_end","status":"ok"})"
                         "\n";

std::string fixture(const std::string& name) {
  return std::string(IRIS_SOURCE_DIR) + "/tests/golden/report/" + name;
}

std::string problem_of(const std::string& text) {
  const auto run = parse_run(text, "r.jsonl");
  return run ? "none" : run.error().message;
}

TEST(Records, ReadsAWholeRun) {
  const auto runs = read_runs(fixture("good.jsonl"));
  ASSERT_TRUE(runs) << runs.error().message;
  ASSERT_EQ(runs->size(), 1U);
  const report::Run& run = runs->front();
  EXPECT_EQ(run.status, "ok");
  EXPECT_EQ(run.machine.cores, 2);
  EXPECT_EQ(run.manifests.size(), 3U);
  ASSERT_EQ(run.scenarios.size(), 4U);
  const Scenario& first = run.scenarios.front();
  EXPECT_EQ(first.name, "max3-1000");
  EXPECT_TRUE(first.reference);
  EXPECT_EQ(first.scaled_cpu_limit_milli, 225);
  EXPECT_EQ(first.samples.size(), 22U);
  EXPECT_EQ(first.samples.back().replicas.size(), 3U);
  EXPECT_EQ(first.ticks.size(), 13U);
  ASSERT_TRUE(first.end);
  EXPECT_EQ(first.end->failed_requests, 0);
  ASSERT_TRUE(first.end->steady);
  EXPECT_EQ(first.end->steady->share.size(), 3U);
}

TEST(Records, KeepsApartWhatIsZeroAndWhatWasNotMeasured) {
  const auto run =
      parse_run(kRun + kStart +
                    R"({"v":1,"type":"sample","scenario":"a","t":1,"ready":0,"desired":null})"
                    "\n",
                "r");
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->scenarios[0].samples[0].ready, 0);
  EXPECT_FALSE(run->scenarios[0].samples[0].desired.has_value());
  EXPECT_FALSE(run->scenarios[0].samples[0].generator_cpu_milli.has_value());
}

TEST(Records, IgnoresFieldsAndRecordsOfLaterPrograms) {
  const auto run = parse_run(kRun + kStart +
                                 R"({"v":1,"type":"weather","sky":"blue"})"
                                 "\n"
                                 R"({"v":1,"type":"tick","scenario":"a","t":1,"mood":[1,{"x":2}]})"
                                 "\n" +
                                 kEnd,
                             "r");
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->scenarios[0].ticks.size(), 1U);
}

TEST(Records, NamesFileLineAndFieldOfWhatIsWrong) {
  EXPECT_EQ(problem_of(kRun + R"({"v":2,"type":"sample"})"
                              "\n"),
            "r.jsonl:2: field \"v\": found 2, expected 1 (a later version needs a later program)");
  EXPECT_EQ(problem_of(kRun + kStart +
                       R"({"v":1,"type":"sample","scenario":"a","t":"soon"})"
                       "\n"),
            "r.jsonl:3: field \"t\": found a value of type string, expected a number");
  EXPECT_EQ(
      problem_of(
          kRun + kStart +
          R"({"v":1,"type":"sample","scenario":"a","t":1,"replicas":[{"name":"x"},{"name":7}]})"
          "\n"),
      "r.jsonl:3: field \"replicas[1].name\": found a value of type number, expected a string");
  EXPECT_EQ(problem_of(kRun + kStart +
                       R"({"v":1,"type":"sample","scenario":"a","t":1,"probe":{"p50_us":-3}})"
                       "\n"),
            "r.jsonl:3: field \"probe.p50_us\": found one, expected no negative number");
  EXPECT_EQ(
      problem_of(kRun + R"({"v":1,"type":"tick","scenario":"b","t":1})"
                        "\n"),
      "r.jsonl:2: field \"scenario\": found \"b\", expected one whose scenario_start was read");
  EXPECT_EQ(problem_of(kRun + kStart + kStart),
            "r.jsonl:3: field \"scenario\": found \"a\" again, expected a new name");
  EXPECT_EQ(
      problem_of(kStart),
      "r.jsonl:1: field \"type\": found \"scenario_start\", expected \"run\" as the first record");
  EXPECT_EQ(problem_of(kRun + "{\"v\":1,\n" + kEnd),
            "r.jsonl:2: found no JSON, expected one record a line");
  EXPECT_EQ(problem_of(kRun + "[]\n"),
            "r.jsonl:2: found a value of type array, expected an object");
  EXPECT_EQ(problem_of(""), "r.jsonl: found no records, expected a \"run\" record first");
}

TEST(Records, RefusesWhatIsTooLarge) {
  const std::string line(limits::kRecordBytes + 1, ' ');
  EXPECT_EQ(problem_of(kRun + "{" + line + "}\n").substr(0, 42),
            "r.jsonl:2: found a line of 1048579 bytes, ");
  std::string many = R"({"v":1,"type":"sample","scenario":"a","t":1,"replicas":[)";
  for (std::size_t i = 0; i <= limits::kRecordItems; ++i) many += i == 0 ? "{}" : ",{}";
  EXPECT_EQ(problem_of(kRun + kStart + many + "]}\n"),
            "r.jsonl:3: field \"replicas\": found 1001, expected at most 1000 items");
  const std::string deep(100'000, '[');
  EXPECT_EQ(problem_of(kRun + deep + "\n"), "r.jsonl:2: found no JSON, expected one record a line");
}

TEST(Records, ToleratesACutOffLastLine) {
  const auto runs = read_runs(fixture("cut_off.jsonl"));
  ASSERT_TRUE(runs) << runs.error().message;
  EXPECT_TRUE(runs->front().last_line_cut);
  EXPECT_EQ(runs->front().status, "");
  EXPECT_EQ(runs->front().scenarios.size(), 3U);
  EXPECT_FALSE(runs->front().scenarios.back().end);
}

TEST(Records, AFileThatEndsAfterAWholeLineHasNoHalfOne) {
  const auto run = parse_run(kRun + kStart, "r");
  ASSERT_TRUE(run);
  EXPECT_FALSE(run->last_line_cut);
  EXPECT_EQ(run->status, "");
}

TEST(Records, TakesTheLastOfSeveralRuns) {
  const auto run = parse_run(kRun + kStart + kEnd +
                                 R"({"v":1,"type":"run","experiment":"later"})"
                                 "\n" +
                                 kStart,
                             "r");
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->experiment, "later");
  EXPECT_EQ(run->older_runs, 1U);
  EXPECT_EQ(run->status, "");
  EXPECT_EQ(run->scenarios.size(), 1U);
}

class RecordsFolder : public ::testing::Test {
 protected:
  std::filesystem::path folder_ = std::filesystem::path(::testing::TempDir()) / "iris_records";
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
};

TEST_F(RecordsFolder, IsReadInTheOrderOfTheNames) {
  ASSERT_TRUE(write_file(folder_ / "b.jsonl", kRun));
  ASSERT_TRUE(write_file(folder_ / "a.jsonl", kRun + kEnd));
  ASSERT_TRUE(write_file(folder_ / "notes.txt", "not records"));
  const auto runs = read_runs(folder_);
  ASSERT_TRUE(runs) << runs.error().message;
  ASSERT_EQ(runs->size(), 2U);
  EXPECT_EQ((*runs)[0].status, "ok");
  EXPECT_EQ((*runs)[1].status, "");
}

TEST_F(RecordsFolder, WithoutRecordsIsWrongUse) {
  const auto runs = read_runs(folder_);
  ASSERT_FALSE(runs);
  EXPECT_EQ(runs.error().code, ExitCode::kInput);
  EXPECT_NE(runs.error().message.find("found no .jsonl file"), std::string::npos);
}

}  // namespace
}  // namespace iris::report
