#include "serve/v2_routes.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>

#include "ask.hpp"
#include "example_model.hpp"
#include "serve/routes.hpp"

namespace iris::serve {
namespace {

using http::MediaType;
using http::Method;

constexpr const char* kInput =
    R"("inputs":[{"name":"input","shape":[2,2],"datatype":"FP32","data":[[2,1],[1,1]]}])";

class V2RoutesTest : public testing::Test {
 protected:
  Answer get(std::string_view path) { return ask(routes_, {.method = Method::kGet, .path = path}); }
  Answer infer(const std::string& body, std::optional<std::size_t> json_bytes = std::nullopt,
               std::string_view path = "/v2/models/example/infer") {
    http::Request request{.method = Method::kPost, .path = path};
    request.inference_header_length = json_bytes;
    return ask(routes_, request, body);
  }

  ManualClock clock_;
  std::atomic<bool> draining_{false};
  WorkerMetrics metrics_;
  ModelStore models_{example_served_model()};
  ServiceRoutes routes_{{models_, metrics_, draining_, clock_, {"1.2.3"}}};
};

TEST_F(V2RoutesTest, TellsOfTheServerAndTheModel) {
  const auto* const server =
      R"({"name":"iris","version":"1.2.3","extensions":["binary_tensor_data"]})";
  EXPECT_EQ(get("/v2").body, server);
  EXPECT_EQ(get("/v2/").body, server);
  const auto* const model = R"({"name":"example","versions":["0123abcd"],"platform":"onnx_onnxv1",)"
                            R"("inputs":[{"name":"input","datatype":"FP32","shape":[-1,2]}],)"
                            R"("outputs":[{"name":"label","datatype":"BYTES","shape":[-1]},)"
                            R"({"name":"probabilities","datatype":"FP32","shape":[-1,2]}]})";
  for (const char* path :
       {"/v2/models/example", "/v2/models/example/versions/0123abcd", "/v2/models/ex%61mple"}) {
    EXPECT_EQ(get(path).body, model) << path;
  }
}

// The path as it stands would be the name; what it means is another.
TEST_F(V2RoutesTest, ReadsEscapesOfAnUnusualName) {
  models_.replace(*make_served_model(example_model(), "100%25", "0123abcd"));
  const std::string body = fmt::format("{{{}}}", kInput);
  EXPECT_EQ(infer(body, {}, "/v2/models/100%25/infer").status, 404);
  EXPECT_EQ(infer(body, {}, "/v2/models/100%2525/infer").status, 200);
}

TEST_F(V2RoutesTest, IsReadyUntilItDrains) {
  EXPECT_EQ(get("/v2/models/example/ready").body, R"({"name":"example","ready":true})");
  draining_ = true;
  const auto answer = get("/v2/models/example/versions/0123abcd/ready");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, R"({"name":"example","ready":false})");
}

TEST_F(V2RoutesTest, ListsTheModelAndItsState) {
  const std::string ready = R"([{"name":"example","version":"0123abcd","state":"READY"}])";
  EXPECT_EQ(get("/v2/models").body, R"({"models":)" + ready + "}");
  EXPECT_EQ(get("/v2/repository/index").body, ready);
  const http::Request post{.method = Method::kPost, .path = "/v2/repository/index"};
  EXPECT_EQ(ask(routes_, post, R"({"ready":true})").body, ready);
  const http::Request wrong{.method = Method::kOther, .path = "/v2/repository/index"};
  EXPECT_NE(ask(routes_, wrong).head.find("\r\nAllow: GET, HEAD, POST\r\n"), std::string::npos);
  draining_ = true;
  EXPECT_NE(get("/v2/models").body.find(R"("state":"UNAVAILABLE")"), std::string::npos);
}

TEST_F(V2RoutesTest, KnowsNoOtherPath) {
  for (const char* path : {"/v2/models/", "/v2/repository", "/v2/repository/index/",
                           "/v2/models/exampl", "/v2/models/examples", "/v2/models/exampl%",
                           "/v2/models/example/versions/1", "/v2/models/example/what",
                           "/v2/models/example/infer/", "/v2/models/other/infer", "/v2/health"}) {
    const auto answer = get(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_TRUE(answer.body.starts_with(R"({"error":"no )")) << answer.body;
  }
  EXPECT_EQ(get("/v2/models/x").body, R"({"error":"no model \"x\"; there is \"example\""})");
  EXPECT_EQ(get("/v2/models/example/versions/1").body,
            R"({"error":"no version \"1\" of model \"example\"; there is \"0123abcd\""})");
}

TEST_F(V2RoutesTest, NamesTheMethodsOfARoute) {
  EXPECT_NE(get("/v2/models/example/infer").head.find("\r\nAllow: POST\r\n"), std::string::npos);
  for (const char* path : {"/v2", "/v2/models", "/v2/models/example", "/v2/models/example/ready"}) {
    const auto answer = ask(routes_, {.method = Method::kPost, .path = path});
    EXPECT_EQ(answer.status, 405) << path;
  }
}

TEST_F(V2RoutesTest, InfersWithAllOutputs) {
  const auto answer = infer(fmt::format(R"({{"id":"a\"b",{}}})", kInput));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body,
            R"({"model_name":"example","model_version":"0123abcd","id":"a\"b","outputs":[)"
            R"({"name":"label","datatype":"BYTES","shape":[2],"data":["wide","wide"]},)"
            R"({"name":"probabilities","datatype":"FP32","shape":[2,2],)"
            R"("data":[0.7310586,0.26894143,0.5,0.5]}]})");
  EXPECT_EQ(metrics_.rows.value(), 2U);
  EXPECT_EQ(metrics_.responses[static_cast<std::size_t>(Route::kInfer)][0].value(), 1U);
}

TEST_F(V2RoutesTest, InfersWithTheOutputsAskedFor) {
  const auto answer = infer(fmt::format(R"({{{},"outputs":[{{"name":"label"}}]}})", kInput));
  EXPECT_EQ(answer.body,
            R"({"model_name":"example","model_version":"0123abcd","outputs":[)"
            R"({"name":"label","datatype":"BYTES","shape":[2],"data":["wide","wide"]}]})");
}

TEST_F(V2RoutesTest, AnswersWithBinaryTensors) {
  const auto answer =
      infer(fmt::format(R"({{{},"parameters":{{"binary_data_output":true}}}})", kInput));
  const std::string json =
      R"({"model_name":"example","model_version":"0123abcd","outputs":[)"
      R"({"name":"label","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":16}},)"
      R"({"name":"probabilities","datatype":"FP32","shape":[2,2],"parameters":{"binary_data_size":16}}]})";
  EXPECT_NE(answer.head.find("\r\nContent-Type: application/octet-stream\r\n"), std::string::npos);
  EXPECT_NE(
      answer.head.find(fmt::format("\r\nInference-Header-Content-Length: {:>10}\r\n", json.size())),
      std::string::npos);
  ASSERT_EQ(answer.body.size(), json.size() + 32);
  EXPECT_EQ(answer.body.substr(0, json.size()), json);
  const std::string label("\x04\0\0\0wide", 8);
  EXPECT_EQ(answer.body.substr(json.size(), 16), label + label);
  float last = 0;
  std::memcpy(&last, answer.body.data() + answer.body.size() - sizeof last, sizeof last);
  EXPECT_EQ(last, 0.5F);
}

TEST_F(V2RoutesTest, RefusesWithTheStatusAndThePlace) {
  EXPECT_EQ(infer("{}").body, R"({"error":"expected a key \"inputs\""})");
  EXPECT_EQ(
      infer(fmt::format(
                R"({{{},"outputs":[{{"name":"label","parameters":{{"classification":1}}}}]}})",
                kInput))
          .status,
      501);
  EXPECT_EQ(infer("{}", 9).status, 400);
  const auto answer = ask(routes_, {.method = Method::kPost,
                                    .path = "/v2/models/example/infer",
                                    .media_type = MediaType::kOther,
                                    .media_text = "text/csv"});
  EXPECT_EQ(answer.status, 415);
  EXPECT_EQ(
      answer.body,
      R"({"error":"Content-Type: expected application/json or application/octet-stream, got text/csv"})");
  EXPECT_EQ(metrics_.rejections.back().value(), 0U) << "a reason without a name";
}

}  // namespace
}  // namespace iris::serve
