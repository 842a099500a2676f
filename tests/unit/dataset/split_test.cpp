#include "dataset/split.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/file.hpp"

namespace iris::dataset {
namespace {

using Indices = std::vector<std::size_t>;

nlohmann::json golden() {
  const auto text = read_file(IRIS_SOURCE_DIR "/tests/golden/split.json");
  return text ? nlohmann::json::parse(*text) : nlohmann::json::object();
}

// An empty train part in the file stands for "scikit-learn refuses".
void expect_same(const Result<Split>& split, const nlohmann::json& expected) {
  const auto train = expected.at("train").get<Indices>();
  ASSERT_EQ(split.has_value(), !train.empty()) << expected.dump();
  if (!split) return;
  EXPECT_EQ(split->train, train) << expected.dump();
  EXPECT_EQ(split->test, expected.at("test").get<Indices>()) << expected.dump();
}

TEST(Split, EqualsScikitLearn) {
  const auto cases = golden().at("plain");
  ASSERT_GT(cases.size(), 500U);
  for (const auto& one : cases) {
    expect_same(train_test_split(one.at("rows"), one.at("test_size"), one.at("seed")), one);
  }
}

TEST(Split, StratifiedEqualsScikitLearn) {
  const auto cases = golden().at("stratified");
  ASSERT_GT(cases.size(), 200U);
  for (const auto& one : cases) {
    const auto labels = one.at("labels").get<std::vector<std::uint32_t>>();
    expect_same(stratified_split(labels, one.at("test_size"), one.at("seed")), one);
  }
}

TEST(Split, EveryRowIsInOnePart) {
  const auto split = train_test_split(100'000, 0.3, 42);
  ASSERT_TRUE(split);
  EXPECT_EQ(split->test.size(), 30'000U);
  std::set<std::size_t> seen(split->train.begin(), split->train.end());
  seen.insert(split->test.begin(), split->test.end());
  EXPECT_EQ(seen.size(), 100'000U);
  EXPECT_EQ(*seen.rbegin(), 99'999U);
}

TEST(Split, RefusesWhatLeavesAPartEmpty) {
  for (const double fraction : {0.0, 1.0, -0.5, 2.0, std::nan("")}) {
    const auto split = train_test_split(10, fraction, 0);
    ASSERT_FALSE(split) << fraction;
    EXPECT_NE(split.error().message.find("expected a number between 0 and 1"), std::string::npos);
  }
  for (const std::size_t rows : {0U, 1U}) {
    const auto split = train_test_split(rows, 0.3, 0);
    ASSERT_FALSE(split) << rows;
    EXPECT_NE(split.error().message.find("leaves none to train on"), std::string::npos);
  }
  EXPECT_FALSE(stratified_split({}, 0.3, 0));
}

TEST(Split, StratifiedRefusesAClassOfOneRowAndSaysWhich) {
  const auto split = stratified_split({0, 0, 0, 1, 2, 2, 2}, 0.5, 0);
  ASSERT_FALSE(split);
  EXPECT_EQ(split.error().message,
            "split: found 1 row of class 1, expected at least 2 to stratify");
}

}  // namespace
}  // namespace iris::dataset
