#include "scale/experiment.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace iris::scale {
namespace {

using namespace std::chrono_literals;

constexpr const char* kGood = R"(
title: T
model: m.onnx
manifests: {deployment: d.yaml, scripts: s.yaml}
time_scale: 10
duration: 20s
probe: {requests_per_s: 50, body: "{}"}
scenarios:
  - {name: a, hpa: h.yaml, load: j.yaml, reference: true, slo: {p99: 250ms}}
  - {name: b, title: B, hpa: h.yaml, load: k.yaml}
)";

std::string replaced(const std::string& from, const std::string& to) {
  std::string text = kGood;
  const auto found = text.find(from);
  EXPECT_NE(found, std::string::npos);
  return text.replace(found, from.size(), to);
}

std::string error_of(const std::string& text) {
  const auto read = parse_experiment(text, "x/e.yaml");
  return read ? "" : read.error().message;
}

TEST(Experiment, ReadsEveryField) {
  const auto read = parse_experiment(kGood, "x/e.yaml");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name, "e");
  EXPECT_EQ(read->title, "T");
  EXPECT_DOUBLE_EQ(read->time_scale, 10);
  EXPECT_EQ(read->duration, 20s);
  EXPECT_DOUBLE_EQ(read->probe.rate_per_s, 50);
  ASSERT_EQ(read->scenarios.size(), 2U);
  EXPECT_TRUE(read->scenarios[0].reference);
  EXPECT_EQ(read->scenarios[0].title, "a");
  EXPECT_EQ(read->scenarios[0].objective->p99, 250ms);
  EXPECT_FALSE(read->scenarios[1].objective);
  EXPECT_EQ(read->manifest_paths(),
            (std::vector<std::string>{"d.yaml", "s.yaml", "h.yaml", "j.yaml", "k.yaml"}));
}

TEST(Experiment, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(error_of(replaced("title: T", "titel: T")),
            "x/e.yaml: unknown key 'titel'; the keys are title, model, manifests, time_scale, "
            "duration, port, probe, scenarios");
  EXPECT_EQ(error_of(replaced("title: B", "titel: B")),
            "x/e.yaml: scenarios[1]: unknown key 'titel'; the keys are name, title, reference, "
            "hpa, load, slo");
  EXPECT_EQ(error_of(replaced("time_scale: 10", "time_scale: 0")),
            "x/e.yaml: time_scale: expected a number from 1 to 1000, found 0");
  EXPECT_EQ(error_of(replaced("model: m.onnx", "model: [m]")),
            "x/e.yaml: model: expected text, found [\"m\"]");
  EXPECT_EQ(error_of(replaced("model: m.onnx", "")), "x/e.yaml: expected the key 'model'");
  EXPECT_EQ(error_of(replaced("{p99: 250ms}", "{}")),
            "x/e.yaml: scenarios[0].slo: expected the key 'p99'");
  EXPECT_EQ(error_of(replaced("name: b", "name: a")),
            "x/e.yaml: scenarios[1]: name: 'a' stands twice");
  EXPECT_EQ(error_of(replaced("name: b", "name: ../b")),
            "x/e.yaml: scenarios[1]: name: expected letters, digits, '-', '_' and '.', found "
            "'../b'");
  EXPECT_NE(error_of(replaced("duration: 20s", "duration: 20")), "");
  EXPECT_NE(error_of("[]"), "");
  EXPECT_NE(error_of("{a: b"), "");
}

TEST(Experiment, TheOneThatShipsIsTheTwoByTwoOfTheReference) {
  const auto back = std::filesystem::current_path();
  std::filesystem::current_path(IRIS_SOURCE_DIR);
  const auto read = load_experiment("experiments/scaling.yaml");
  std::filesystem::current_path(back);
  ASSERT_TRUE(read) << read.error().message;
  std::string cells;
  for (const auto& scenario : read->scenarios) {
    cells += fmt::format("{}{}{} ", scenario.hpa.max_replicas, scenario.reference ? "*" : "",
                         scenario.objective ? "!" : "");
  }
  EXPECT_EQ(cells, "3*! 1 3 1* ") << "maxReplicas; * of the reference; ! has an objective";
}

}  // namespace
}  // namespace iris::scale
