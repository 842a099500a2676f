#include "serve/about_routes.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ask.hpp"
#include "base/digest.hpp"
#include "example_model.hpp"
#include "serve/live_figures.hpp"

namespace iris::serve {
namespace {

using http::Method;
using Document = nlohmann::json;

class AboutHandler final : public http::Handler {
 public:
  explicit AboutHandler(std::shared_ptr<const ServedModel> model) : model_(std::move(model)) {}
  void handle(const http::Request& request, http::Response& response) override {
    found = answer_about(request, *model_, info, response).has_value();
    if (!found) response.begin(404);
  }
  void refuse(const http::Fault&, const http::Request&, http::Response&) override {}

  ServiceInfo info{.version = "1.2.3", .asks_for_token = false, .live_figures = [] {
                     return std::string("{}");
                   }};
  bool found = false;

 private:
  const std::shared_ptr<const ServedModel> model_;
};

std::shared_ptr<const ServedModel> hostile_model() {
  auto model = example_model();
  model.signature.class_labels = {"</script><script>alert(1)</script>", "b"};
  model.golden_rows = {{.row = {0.2F, 0.1F},
                        .label = model.signature.class_labels[0],
                        .probabilities = {0.5249792F, 0.4750208F}}};
  return *make_served_model(model, "hostile", "0123abcd");
}

// The text between two marks.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const auto from = text.find(begin) + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

TEST(AboutRoutes, AnswersItsPathsAndNoOthers) {
  AboutHandler handler(example_served_model());
  for (const char* path : {"/", "/openapi.json", "/live.json"}) {
    EXPECT_EQ(ask(handler, {.method = Method::kGet, .path = path}).status, 200) << path;
    const auto answer = ask(handler, {.method = Method::kPost, .path = path});
    EXPECT_EQ(answer.status, 405) << path;
    EXPECT_NE(answer.head.find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
  }
  ask(handler, {.method = Method::kGet, .path = "/page"});
  EXPECT_FALSE(handler.found);
}

TEST(AboutRoutes, ThePolicyNamesWhatThePageHolds) {
  AboutHandler handler(example_served_model());
  const auto page = ask(handler, {.method = Method::kGet, .path = "/"});
  const auto script = between(page.body, "<script>", "</script>");
  const auto style = between(page.body, "<style>", "</style>");
  EXPECT_NE(page.head.find("script-src 'sha256-" + sha256_base64(script) + "'"), std::string::npos);
  EXPECT_NE(page.head.find("style-src 'sha256-" + sha256_base64(style) + "'"), std::string::npos);
  EXPECT_EQ(page.body.find("{{"), std::string::npos) << "a marker is left";
}

TEST(AboutRoutes, NoNameEndsThePagesScript) {
  AboutHandler handler(hostile_model());
  const auto page = ask(handler, {.method = Method::kGet, .path = "/"}).body;
  EXPECT_EQ(page.find("alert(1)</script>"), std::string::npos);
  const auto model =
      Document::parse(between(page, R"(<script type="application/json" id="model">)", "</script>"));
  EXPECT_EQ(model["classes"][0], "</script><script>alert(1)</script>");
  EXPECT_EQ(model["examples"][0]["row"].dump(), "[0.2,0.1]");
}

TEST(AboutRoutes, TheContractKnowsTheModel) {
  AboutHandler handler(hostile_model());
  const auto document =
      Document::parse(ask(handler, {.method = Method::kGet, .path = "/openapi.json"}).body);
  EXPECT_EQ(document["info"]["version"], "1.2.3");
  const auto& schemas = document["components"]["schemas"];
  EXPECT_EQ(schemas["Label"]["enum"].size(), 2U);
  EXPECT_EQ(schemas["Instance"]["anyOf"][0]["minItems"], 2);
  EXPECT_EQ(schemas["PredictRequest"]["examples"][0].dump(), R"({"instances":[[0.2,0.1]]})");
  // What is rounded to the largest float32 is within, what is rounded to infinity is not.
  const auto end = schemas["Number"]["exclusiveMaximum"].get<double>();
  EXPECT_FALSE(std::isfinite(static_cast<float>(end)));
  EXPECT_TRUE(std::isfinite(static_cast<float>(std::nextafter(end, 0))));
  const auto& infer = document["paths"]["/v2/models/{model}/versions/{version}/infer"]["post"];
  EXPECT_EQ(infer["operationId"], "inferVersion");
  for (const char* status : {"200", "400", "404", "413", "415", "429", "503"}) {
    EXPECT_TRUE(infer["responses"].contains(status)) << status;
  }
}

TEST(AboutRoutes, TheContractSaysWhereATokenIsAskedFor) {
  AboutHandler handler(example_served_model());
  EXPECT_EQ(ask(handler, {.method = Method::kGet, .path = "/openapi.json"}).body.find("401"),
            std::string::npos);
  handler.info.asks_for_token = true;
  const auto paths = Document::parse(
      ask(handler, {.method = Method::kGet, .path = "/openapi.json"}).body)["paths"];
  EXPECT_TRUE(paths["/predict"]["post"].contains("security"));
  EXPECT_TRUE(paths["/predict"]["post"]["responses"].contains("401"));
  for (const char* path : {"/", "/openapi.json", "/health", "/v2/models/{model}/ready"}) {
    EXPECT_FALSE(paths[path]["get"].contains("security")) << path;
  }
}

TEST(LiveFigures, AreSumsOverTheThreads) {
  std::vector<std::unique_ptr<WorkerMetrics>> workers;
  for (int i = 0; i < 2; ++i) {
    workers.push_back(std::make_unique<WorkerMetrics>());
    workers.back()->count_response(Route::kPredict, 200);
    workers.back()->count_response(Route::kInfer, 400);
    workers.back()->count_response(Route::kHealth, 200);
    workers.back()->rows.add(5);
    workers.back()->http.duration.record(std::chrono::microseconds(3), 2);
  }
  const auto figures =
      Document::parse(render_live_figures(workers, SteadyTime(std::chrono::milliseconds(1500))));
  EXPECT_EQ(figures["time_s"], 1.5);
  EXPECT_EQ(figures["predictions"], 4);
  EXPECT_EQ(figures["rows"], 10);
  EXPECT_EQ(figures["duration_upper_us"][2], 4);
  EXPECT_EQ(figures["duration_counts"][2], 4);
  EXPECT_EQ(figures["duration_counts"].size(), figures["duration_upper_us"].size() + 1);
}

}  // namespace
}  // namespace iris::serve
