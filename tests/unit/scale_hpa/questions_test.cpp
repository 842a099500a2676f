#include "scale/hpa/questions.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/limits.hpp"

namespace iris::scale::hpa {
namespace {

using nlohmann::json;

json question(int replicas) {
  return json::parse(R"({"hpa": {"metadata": {"name": "web"}, "spec": {"maxReplicas": 9,
      "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w}e{\"b"}}},
    "pods": [], "metrics": [], "now": "2025-01-31T12:00:00Z", "currentReplicas": )" +
                     std::to_string(replicas) + "}");
}

// The answers to a stream: the desired count of each decision, and "error" for the others.
std::vector<std::string> answers(std::string_view stream) {
  std::vector<std::string> found;
  Questions questions({}, [&](const std::string& answer) {
    const auto value = json::parse(answer);
    found.push_back(value.contains("desiredReplicas") ? value["desiredReplicas"].dump() : "error");
  });
  while (!stream.empty()) {
    const auto end = stream.find('\n');
    questions.take_line(stream.substr(0, end));
    if (end == std::string_view::npos) break;
    stream.remove_prefix(end + 1);
  }
  questions.finish();
  return found;
}

using Answers = std::vector<std::string>;

TEST(Questions, OneALineOneOverManyAndSeveralInALine) {
  const std::string line = question(3).dump();
  const std::string pretty = question(4).dump(4);
  EXPECT_EQ(answers(line + "\n" + line), (Answers{"3", "3"}));
  EXPECT_EQ(answers(pretty + "\n"), Answers{"4"});
  EXPECT_EQ(answers(pretty + "\n" + line + "\n" + pretty), (Answers{"4", "3", "4"}));
  EXPECT_EQ(answers(line + line + " \t" + line + "\r\n\n"), (Answers{"3", "3", "3"}));
  EXPECT_EQ(answers(pretty + pretty), (Answers{"4", "4"}));
}

TEST(Questions, ObjectsThatBeginALineInsideADocumentBelongToIt) {
  // As `kubectl get` prints them between the parts of a question that echo writes.
  const json all = question(5);
  const std::string stream = "{\"hpa\":\n" + all["hpa"].dump(2) + "\n,\"pods\":\n" +
                             R"({"items":[]})" + "\n,\"metrics\":\n{\n\"items\": []\n}\n" +
                             R"(,"now":"2025-01-31T12:00:00Z","currentReplicas":5})";
  EXPECT_EQ(answers(stream), Answers{"5"});
}

TEST(Questions, ALineThatIsNoneIsAnErrorAndTheNextOneIsAnswered) {
  const std::string line = question(3).dump();
  for (const char* bad : {"no json", "[]", "{}", "{\"hpa\":]}", "{\"hpa\": \"open", "}", "7 8",
                          "{\"hpa\" 1}", "\"{\""}) {
    EXPECT_EQ(answers(std::string(bad) + "\n" + line), (Answers{"error", "3"})) << bad;
  }
  // Cut off anywhere, brackets left open or not.
  for (std::size_t length = 1; length < line.size(); ++length) {
    EXPECT_EQ(answers(line.substr(0, length) + "\n" + line + "\n" + line),
              (Answers{"error", "3", "3"}))
        << length;
  }
}

TEST(Questions, ABrokenDocumentOverManyLinesIsOneError) {
  const std::string line = question(3).dump();
  const std::string pretty = question(4).dump(4);
  std::string mismatched = pretty;
  mismatched[mismatched.find("[]")] = '{';
  EXPECT_EQ(answers(mismatched + "\n" + pretty + "\n" + line), (Answers{"error", "4", "3"}));
  std::string comma = pretty;
  comma.replace(comma.find(','), 1, " ");
  EXPECT_EQ(answers(comma + "\n" + line), (Answers{"error", "3"}));
  const std::string half = pretty.substr(0, pretty.find("pods"));
  EXPECT_EQ(answers(half + "\n" + line), (Answers{"error", "3"}));
  EXPECT_EQ(answers(half), Answers{"error"});
  EXPECT_EQ(answers(""), Answers{});
}

TEST(Questions, ADocumentHasABound) {
  std::vector<std::string> found;
  Questions questions({}, [&](const std::string& answer) { found.push_back(answer); });
  questions.take_line("{");
  const std::string filler(limits::kConfigBytes / 4, ' ');
  for (int i = 0; i < 6; ++i) questions.take_line(filler);
  questions.take_line(" }");
  questions.take_line(question(3).dump());
  questions.take_long_line();
  questions.take_line(question(3).dump());
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0], R"({"error":"found more than 4194304 bytes in one document"})");
  EXPECT_TRUE(found[1].starts_with(R"({"desiredReplicas":3)"));
  EXPECT_EQ(found[2], found[0]);
  EXPECT_EQ(found[3], found[1]);
}

}  // namespace
}  // namespace iris::scale::hpa
