#include "serve/routes.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "ask.hpp"
#include "example_model.hpp"
#include "serve/admin_routes.hpp"

namespace iris::serve {
namespace {

using http::MediaType;
using http::Method;

class RoutesTest : public testing::Test {
 protected:
  Answer predict(const std::string& body, MediaType type = MediaType::kJson) {
    return ask(
        routes_,
        {.method = Method::kPost, .path = "/predict", .media_type = type, .media_text = "a/b"},
        body);
  }

  ManualClock clock_;
  std::atomic<bool> draining_{false};
  WorkerMetrics metrics_;
  const ModelStore models_{example_served_model()};
  ServiceRoutes routes_{{models_, metrics_, draining_, clock_, {"1.2.3"}}};
};

TEST_F(RoutesTest, PredictsLabels) {
  const auto answer = predict(R"({"instances":[[2,1],[1,2]]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"predictions":["wide","high \"up\""]})");
  EXPECT_EQ(metrics_.rows.value(), 2U);
}

TEST_F(RoutesTest, PredictsProbabilities) {
  const auto answer = predict(R"({"instances":[[1,1],[0,1]],"parameters":{"probabilities":true}})");
  EXPECT_EQ(answer.body, R"({"predictions":["wide","high \"up\""],"probabilities":[[0.5,0.5],)"
                         R"([0.26894143,0.7310586]],"classes":["wide","high \"up\""]})");
}

TEST_F(RoutesTest, TakesNoContentTypeAsJsonAndRefusesOthers) {
  EXPECT_EQ(predict(R"({"instances":[[1,2]]})", MediaType::kNone).status, 200);
  const auto answer = predict(R"({"instances":[[1,2]]})", MediaType::kOctetStream);
  EXPECT_EQ(answer.status, 415);
  EXPECT_EQ(answer.body, R"({"error":"Content-Type: expected application/json, got a/b"})");
  EXPECT_EQ(predict("", MediaType::kOther).status, 415);
}

TEST_F(RoutesTest, RefusesWithThePlace) {
  const auto answer = predict(R"({"instances":[[1,"a\"b"]]})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, R"({"error":"instances[0][1]: expected a number, got string \"a\"b\""})");
}

TEST_F(RoutesTest, RefusesPredictionsThatWaitedTooLongAndTellsItsHealth) {
  auto answer = ask(routes_, {.method = Method::kPost, .path = "/predict", .overdue = true},
                    R"({"instances":[[1,2]]})");
  EXPECT_EQ(answer.status, 429);
  EXPECT_NE(answer.head.find("\r\nRetry-After: 1\r\n"), std::string::npos);
  EXPECT_EQ(metrics_.rows.value(), 0U);
  EXPECT_EQ(metrics_.rejections[0].value(), 1U) << kRejectionReasons[0];
  answer = ask(routes_, {.method = Method::kGet, .path = "/health", .overdue = true});
  EXPECT_EQ(answer.status, 200);
}

TEST_F(RoutesTest, CountsWhatWaitedTooLongByItsRoute) {
  const std::pair<const char*, Route> cases[] = {
      {"/predict", Route::kPredict},
      {"/v2/models/example/infer", Route::kInfer},
      {"/v2/models/other/versions/1/infer", Route::kInfer},
      {"/v2/infer", Route::kOther},
      {"/v2/models/example", Route::kModel},
      {"/v2/models/example/ready", Route::kModel},
      {"/v2/repository/index", Route::kModel},
      {"/v2", Route::kModel},
      {"/v2/nothing", Route::kOther},
      {"/health", Route::kHealth},
      {"/v2/health/live", Route::kHealth},
      {"/", Route::kPage},
      {"/live.json", Route::kPage},
      {"/nothing/infer", Route::kOther},
      {"/predict/", Route::kOther},
  };
  constexpr std::size_t k429 = 8;
  ASSERT_EQ(kStatusCodes.at(k429), 429);
  for (const auto& [path, route] : cases) {
    auto& counter = metrics_.responses[static_cast<std::size_t>(route)][k429];
    const auto before = counter.value();
    ask(routes_, {.method = Method::kPost, .path = path, .overdue = true});
    EXPECT_EQ(counter.value(), before + 1) << path;
  }
  EXPECT_EQ(metrics_.rejections[0].value(), std::size(cases));
}

TEST_F(RoutesTest, NamesTheMethodsOfARoute) {
  auto answer = ask(routes_, {.method = Method::kGet, .path = "/predict"});
  EXPECT_EQ(answer.status, 405);
  EXPECT_NE(answer.head.find("\r\nAllow: POST\r\n"), std::string::npos);
  answer = ask(routes_, {.method = Method::kPost, .path = "/health"});
  EXPECT_EQ(answer.status, 405);
  EXPECT_NE(answer.head.find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
  EXPECT_EQ(ask(routes_, {.method = Method::kGet, .path = "/metrics"}).status, 404);
}

TEST_F(RoutesTest, IsNotReadyWhileDrainingButLivesAndPredicts) {
  EXPECT_EQ(ask(routes_, {.method = Method::kGet, .path = "/health"}).body, R"({"status":"ok"})");
  draining_ = true;
  for (const char* path : {"/health", "/v2/health/ready"}) {
    const auto answer = ask(routes_, {.method = Method::kGet, .path = path});
    EXPECT_EQ(answer.status, 503) << path;
    EXPECT_NE(answer.head.find("\r\nRetry-After: 1\r\n"), std::string::npos) << path;
  }
  EXPECT_EQ(ask(routes_, {.method = Method::kGet, .path = "/v2/health/live"}).status, 200);
  EXPECT_EQ(predict(R"({"instances":[[1,2]]})").status, 200);
}

TEST_F(RoutesTest, CountsEveryAnswerAndWhyItRefused) {
  predict(R"({"instances":[[1,2]]})");
  predict(R"({"instances":[[1]]})");
  http::Buffer out;
  http::Response response(out, {});
  routes_.refuse({408, "read_timeout", "late"}, {}, response);
  const auto page = render_metrics({}, *example_served_model(), {}, "");
  EXPECT_EQ(metrics_.responses[0][0].value(), 1U);
  EXPECT_EQ(metrics_.responses[0][1].value(), 1U);
  std::uint64_t refusals = 0;
  for (const auto& reason : metrics_.rejections) refusals += reason.value();
  EXPECT_EQ(refusals, 2U);
  EXPECT_EQ(metrics_.rejections.back().value(), 0U) << "a reason without a name";
}

TEST(AdminRoutes, ShowsMetricsAndHealthOnly) {
  const std::atomic<bool> draining{false};
  const ModelStore models{example_served_model()};
  ControlMetrics metrics;
  AdminRoutes routes({.metrics_page = [] { return "page"; }, .reload = {}}, models, metrics,
                     draining);
  const auto answer = ask(routes, {.method = Method::kGet, .path = "/metrics"});
  EXPECT_EQ(answer.body, "page");
  EXPECT_NE(answer.head.find("text/plain; version=0.0.4"), std::string::npos);
  EXPECT_EQ(ask(routes, {.method = Method::kGet, .path = "/health"}).status, 200);
  EXPECT_EQ(ask(routes, {.method = Method::kPost, .path = "/predict"}).status, 404);
  EXPECT_EQ(ask(routes, {.method = Method::kPost, .path = "/metrics"}).status, 405);
}

TEST(AdminRoutes, LoadsTheModelThatIsNamed) {
  const std::atomic<bool> draining{false};
  const ModelStore models{example_served_model()};
  ControlMetrics metrics;
  std::vector<Reloader::Done> asked;
  AdminRoutes routes({.metrics_page = {}, .reload = [&](auto done) { asked.push_back(done); }},
                     models, metrics, draining);
  const auto post = [&](std::string_view path) {
    return ask(routes, {.method = Method::kPost, .path = path}).status;
  };
  EXPECT_EQ(post("/v2/repository/models/other/load"), 404);
  EXPECT_EQ(post("/v2/repository/models//load"), 404);
  EXPECT_EQ(
      ask(routes, {.method = Method::kGet, .path = "/v2/repository/models/example/load"}).status,
      405);
  EXPECT_TRUE(asked.empty());
  http::Buffer out;
  http::Response response(out, {});
  routes.handle({.method = Method::kPost, .path = "/v2/repository/models/example/load"}, response);
  EXPECT_EQ(asked.size(), 1U);
  EXPECT_TRUE(response.later()) << "the answer comes when the model was loaded";

  AdminRoutes without({}, models, metrics, draining);
  EXPECT_EQ(
      ask(without, {.method = Method::kPost, .path = "/v2/repository/models/example/load"}).status,
      501);
}

}  // namespace
}  // namespace iris::serve
