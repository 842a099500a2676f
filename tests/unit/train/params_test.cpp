#include "train/params.hpp"

#include <gtest/gtest.h>

namespace iris::train {
namespace {

TEST(Params, TheRepositorysOwnFileIsRead) {
  const auto params = read_params(IRIS_SOURCE_DIR "/params.yaml");
  ASSERT_TRUE(params.has_value()) << params.error().message;
  EXPECT_EQ(params->split.seed, 42U);
  EXPECT_EQ(params->split.test_fraction, 0.3);
  EXPECT_EQ(params->model.inverse_regularization, 1);
  EXPECT_EQ(params->evaluate.labels.size(), 3U);
}

TEST(Params, WhatIsLeftOutHasItsDefault) {
  const auto params = parse_params("model: {C: 0.5}", "p.yaml");
  ASSERT_TRUE(params.has_value());
  EXPECT_EQ(params->model.inverse_regularization, 0.5);
  EXPECT_EQ(params->data.path, "data/data.csv");
  EXPECT_FALSE(params->split.stratify);
}

struct Flaw {
  const char* name;
  const char* text;
  const char* message;
};

class ParamsFlaws : public testing::TestWithParam<Flaw> {};

TEST_P(ParamsFlaws, AreRefusedWithTheirPlace) {
  const auto params = parse_params(GetParam().text, "p.yaml");
  ASSERT_FALSE(params.has_value());
  EXPECT_TRUE(params.error().message.starts_with(GetParam().message)) << params.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    All, ParamsFlaws,
    testing::Values(Flaw{"section", "split: {}\nmodle: {}", "p.yaml:2:1: found"},
                    Flaw{"key", "split:\n  sede: 1", "p.yaml:2:3: found"},
                    Flaw{"fraction", "split: {test_fraction: 1}", "p.yaml:1:24: found 1"},
                    Flaw{"seed", "split: {seed: 4294967296}", "p.yaml:1:15: found 4294967296"},
                    Flaw{"penalty", "model: {C: 0}", "p.yaml:1:12: found 0"},
                    Flaw{"iterations", "model: {max_iterations: 0}", "p.yaml:1:25: found 0"},
                    Flaw{"share", "evaluate: {min_accuracy: 90}", "p.yaml:1:26: found"}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace iris::train
