#include "scale/records.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/file.hpp"
#include "scale/journal.hpp"
#include "scale/record_fields.hpp"

namespace iris::scale {
namespace {

using namespace std::chrono_literals;

class RecordsTest : public testing::Test {
 protected:
  RecordsTest() {
    std::string pattern = testing::TempDir() + "iris-records-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~RecordsTest() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(RecordsTest, LosesNoEarlierRun) {
  const auto path = (folder_ / "new" / "run.jsonl").string();
  for (int i = 0; i < 3; ++i) {
    auto file = RecordFile::create(path);
    ASSERT_TRUE(file) << file.error().message;
    file->append("run", {{"number", i}});
    ASSERT_TRUE(file->close());
  }
  EXPECT_EQ(*read_file(path), "{\"v\":1,\"type\":\"run\",\"number\":2}\n");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_ / "new")) {
    ++files;
  }
  EXPECT_EQ(files, 3U);
}

TEST_F(RecordsTest, NamesTheFolderThatItCannotMake) {
  ASSERT_TRUE(write_file((folder_ / "file").string(), ""));
  const auto file = RecordFile::create((folder_ / "file" / "run.jsonl").string());
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("run.jsonl"), std::string::npos);
}

TEST_F(RecordsTest, CountsTimeFromTheBeginningOfTheLoad) {
  const auto path = (folder_ / "run.jsonl").string();
  auto file = RecordFile::create(path);
  ASSERT_TRUE(file);
  ManualClock clock;
  {
    Journal journal(*file, "s", clock);
    journal.append("event", {{"n", 1}});
    clock.advance(2500ms);
    journal.begin(clock.steady());
    clock.advance(1s);
    journal.append("event", {{"n", 2}});
  }
  ASSERT_TRUE(file->close());
  EXPECT_EQ(*read_file(path),
            "{\"v\":1,\"type\":\"event\",\"scenario\":\"s\",\"t\":-2.5,\"n\":1}\n"
            "{\"v\":1,\"type\":\"event\",\"scenario\":\"s\",\"t\":1.0,\"n\":2}\n");
}

TEST(RecordFields, AreNullForWhatWasNotMeasured) {
  Sample before;
  Sample now;
  now.t = 1;
  ReplicaSample replica;
  replica.name = "a";
  now.replicas.push_back(replica);
  const auto fields = sample_fields(before, now, {}, 2);
  EXPECT_TRUE(fields["probe"]["p99_us"].is_null());
  EXPECT_TRUE(fields["replicas"][0]["throttled_us"].is_null());
  EXPECT_TRUE(fields["generator"]["cpu_milli"].is_null());
  Tick tick;
  EXPECT_TRUE(tick_fields(tick)["utilization_percent"].is_null());
  EXPECT_TRUE(tick_fields(tick)["limited_by"].is_null());
}

}  // namespace
}  // namespace iris::scale
