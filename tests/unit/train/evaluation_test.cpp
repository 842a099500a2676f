#include "train/evaluation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace iris::train {
namespace {

Findings sound() {
  Findings findings;
  findings.model_path = "m.onnx";
  findings.model_exists = true;
  findings.golden_rows = 2;
  findings.rows = 10;
  findings.predictions = 10;
  findings.data_labels = {"a", "b"};
  findings.model_labels = {"a", "b"};
  findings.held_out = Metrics{};
  findings.held_out->accuracy = 0.95;
  findings.held_out->classes = {{"a", 1, 1, 0.9, 5}, {"b|", 1, 1, 0.8, 5}};
  findings.held_out->confusion = {{5, 0}, {1, 4}};
  findings.baseline = TrainingRecord{};
  findings.baseline->metrics.accuracy = 0.96;
  findings.pairs = Pairs{1000, 10, 12};
  findings.baseline->metrics.classes = {{"a", 1, 1, 0.8, 5}};
  return findings;
}

TEST(Gates, PassForASoundModel) {
  const auto evaluation = apply_gates(sound(), {});
  EXPECT_TRUE(evaluation.passed);
  EXPECT_EQ(evaluation.gates.size(), 7U);
  for (const auto& gate : evaluation.gates) EXPECT_EQ(gate.verdict, Verdict::kPassed) << gate.name;
}

struct Flaw {
  const char* gate;
  std::function<void(Findings&)> make;
  const char* found;
};

class GateFlaws : public testing::TestWithParam<Flaw> {};

TEST_P(GateFlaws, FailTheirGate) {
  auto findings = sound();
  GetParam().make(findings);
  const auto evaluation = apply_gates(std::move(findings), {});
  EXPECT_FALSE(evaluation.passed);
  const auto gate = std::find_if(evaluation.gates.begin(), evaluation.gates.end(),
                                 [](const Gate& one) { return one.name == GetParam().gate; });
  ASSERT_NE(gate, evaluation.gates.end());
  EXPECT_EQ(gate->verdict, Verdict::kFailed);
  EXPECT_NE(gate->found.find(GetParam().found), std::string::npos) << gate->found;
  EXPECT_NE(to_markdown(evaluation).find("| ❌ | " + gate->name), std::string::npos);
  EXPECT_NE(to_text(evaluation).find("FAILED   " + gate->name), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    All, GateFlaws,
    testing::Values(
        Flaw{"model exists", [](Findings& f) { f.model_exists = false; }, "no m.onnx"},
        Flaw{"golden rows", [](Findings& f) { f.golden_rows_error = "row 0"; }, "row 0"},
        Flaw{"one prediction per row", [](Findings& f) { f.predictions = 9; }, "9 for 10 rows"},
        Flaw{"no missing values",
             [](Findings& f) { f.missing_values = 1, f.first_missing = "d.csv:2:5"; },
             "1, first at d.csv:2:5"},
        Flaw{"allowed labels", [](Findings& f) { f.data_labels.push_back("x"); }, "also x"},
        Flaw{"accuracy", [](Findings& f) { f.held_out->accuracy = 0.89; }, "0.8900"},
        Flaw{"drop from baseline",
             [](Findings& f) {
               f.pairs = Pairs{1000, 90, 12};
             },
             "90 lost and 12 gained of the same 1000 rows"}));

TEST(Gates, ASampleTooSmallPassesUnlessToldToFailAndSaysHowManyRowsItNeeds) {
  auto findings = sound();
  findings.pairs = Pairs{45, 1, 0};
  const auto evaluation = apply_gates(findings, {});
  EXPECT_TRUE(evaluation.passed);
  EXPECT_EQ(evaluation.gates.back().verdict, Verdict::kUndecided);
  EXPECT_NE(to_text(evaluation).find("The sample is too small to tell"), std::string::npos);
  EXPECT_NE(to_markdown(evaluation).find("| ❔ | drop from baseline"), std::string::npos);
  Params::Evaluate strict;
  strict.undecided_fails = true;
  EXPECT_FALSE(apply_gates(findings, strict).passed);
}

TEST(Gates, ALossAgainstABaselineThatMayKnowTheRowsIsNoProof) {
  auto findings = sound();
  findings.pairs = Pairs{1000, 90, 12};
  findings.baseline_rows_unknown = true;
  EXPECT_EQ(apply_gates(findings, {}).gates.back().verdict, Verdict::kUndecided);
}

TEST(Gates, WithoutFiguresNothingPasses) {
  auto findings = sound();
  findings.held_out.reset();
  findings.not_measured = "no model";
  EXPECT_FALSE(apply_gates(std::move(findings), {}).passed);
}

TEST(Gates, AMissingBaselineIsSaidAndFailsNothing) {
  auto findings = sound();
  findings.baseline.reset();
  const auto evaluation = apply_gates(std::move(findings), {});
  EXPECT_TRUE(evaluation.passed);
  EXPECT_NE(to_text(evaluation).find("No baseline to compare with"), std::string::npos);
}

TEST(EvaluationReport, EscapesNamesAndShowsTheChange) {
  const auto markdown = to_markdown(apply_gates(sound(), {}));
  EXPECT_NE(markdown.find("| b\\| |"), std::string::npos);
  EXPECT_NE(markdown.find("+0.1000"), std::string::npos);
  EXPECT_NE(markdown.find("new"), std::string::npos);
}

}  // namespace
}  // namespace iris::train
