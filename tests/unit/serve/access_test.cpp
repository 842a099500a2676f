#include "serve/access.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>

#include "ask.hpp"
#include "example_model.hpp"
#include "scratch_folder.hpp"
#include "serve/admin_routes.hpp"
#include "serve/credentials.hpp"
#include "serve/routes.hpp"

namespace iris::serve {
namespace {

using http::Method;

std::string error_of(std::string_view bytes) {
  const ScratchFolder folder;
  folder.write("token", bytes);
  Log log;
  const auto token = AccessToken::read(folder / "token", log);
  return token ? "" : token.error().message;
}

TEST(AccessToken, IsOneLineOfAFile) {
  const ScratchFolder folder;
  folder.write("token", "s3cret-Token.1\n");
  chmod((folder / "token").c_str(), 0600);
  Log log;
  const auto token = AccessToken::read(folder / "token", log);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_TRUE((*token)->matches("s3cret-Token.1"));
  for (const char* other :
       {"", "s3cret-Token.", "s3cret-Token.2", "s3cret-Token.11", "S3cret-Token.1"}) {
    EXPECT_FALSE((*token)->matches(other)) << other;
  }
}

TEST(AccessToken, RefusesWhatIsNone) {
  EXPECT_NE(error_of("").find("found nothing"), std::string::npos);
  EXPECT_NE(error_of(" \r\n").find("found nothing"), std::string::npos);
  EXPECT_NE(error_of("two words").find("without blanks"), std::string::npos);
  EXPECT_NE(error_of("two\nlines").find("without blanks"), std::string::npos);
  EXPECT_NE(error_of("caf\xc3\xa9").find("printable ASCII"), std::string::npos);
  EXPECT_NE(error_of(std::string(5000, 'a')).find("expected at most 4096"), std::string::npos);
  // What is wrong is told without telling the secret.
  EXPECT_EQ(error_of("two words").find("two"), std::string::npos);
}

class AccessTest : public testing::Test {
 protected:
  int status(std::string_view path, std::string_view authorization, Method method = Method::kGet) {
    answer_ = ask(routes_, {.method = method, .path = path, .authorization = authorization});
    return answer_.status;
  }

  std::atomic<bool> draining_{false};
  WorkerMetrics metrics_;
  ModelStore models_{example_served_model()};
  AccessTokens tokens_{std::make_shared<const AccessToken>("open-sesame")};
  SystemClock clock_;
  ServiceRoutes routes_{{.models = models_,
                         .metrics = metrics_,
                         .draining = draining_,
                         .clock = clock_,
                         .tokens = &tokens_}};
  Answer answer_;
};

TEST_F(AccessTest, AsksForTheToken) {
  EXPECT_EQ(status("/v2", ""), 401);
  EXPECT_NE(answer_.head.find("\r\nWWW-Authenticate: Bearer\r\n"), std::string::npos);
  EXPECT_TRUE(answer_.body.starts_with("{\"error\":\"Authorization: expected")) << answer_.body;
  EXPECT_EQ(status("/v2", "Bearer open-sesam"), 401);
  EXPECT_NE(answer_.head.find("Bearer error=\"invalid_token\""), std::string::npos);
  for (const char* other : {"Basic open-sesame", "open-sesame", "Bearer", "Bearer ",
                            "Bearer open-sesame2", "Bearer open-sesame, Bearer x"}) {
    EXPECT_EQ(status("/v2", other), 401) << other;
  }
  for (const char* right : {"Bearer open-sesame", "bearer open-sesame", "BEARER  open-sesame"}) {
    EXPECT_EQ(status("/v2", right), 200) << right;
  }
}

TEST_F(AccessTest, GuardsAllButHealth) {
  for (const char* path : {"/predict", "/v2/models/example", "/v2/models/example/infer", "/v2/",
                           "/v2/models", "/v2/repository/index", "/no/such", "/predict/ready"}) {
    EXPECT_EQ(status(path, "", Method::kPost), 401) << path;
    EXPECT_EQ(status(path, "", Method::kGet), 401) << path;
  }
  for (const char* path :
       {"/health", "/v2/health/live", "/v2/health/ready", "/v2/models/example/ready"}) {
    EXPECT_EQ(status(path, ""), 200) << path;
  }
}

TEST_F(AccessTest, NamesWhatThereIsOnlyToWhoHasTheToken) {
  for (const std::string path : {"/v2/models/other/ready", "/v2/models/example/versions/9/ready"}) {
    for (const std::string_view authorization : {"", "Bearer wrong"}) {
      const auto answer =
          ask(routes_, {.method = Method::kGet, .path = path, .authorization = authorization});
      EXPECT_EQ(answer.status, 404);
      EXPECT_EQ(answer.body.find("example"), std::string::npos) << answer.body;
      EXPECT_EQ(answer.body.find("0123abcd"), std::string::npos) << answer.body;
    }
    const auto answer =
        ask(routes_, {.method = Method::kGet, .path = path, .authorization = "Bearer open-sesame"});
    EXPECT_EQ(answer.status, 404);
    EXPECT_NE(answer.body.find("example"), std::string::npos) << answer.body;
  }
}

TEST_F(AccessTest, CountsWhyItRefused) {
  status("/v2", "");
  status("/predict", "Bearer wrong", Method::kPost);
  const auto page = [&] {
    std::vector<std::unique_ptr<WorkerMetrics>> workers;
    return render_metrics(workers, *models_.current(), {}, "");
  }();
  EXPECT_NE(page.find("token_missing"), std::string::npos);
  EXPECT_EQ(metrics_.rejections.back().value(), 0U) << "a reason without a name";
  std::uint64_t refused = 0;
  for (const auto& count : metrics_.rejections) refused += count.value();
  EXPECT_EQ(refused, 2U);
}

TEST_F(AccessTest, TakesTheNewTokenWhenItWasReplaced) {
  tokens_.replace(std::make_shared<const AccessToken>("other"));
  EXPECT_EQ(status("/v2", "Bearer open-sesame"), 401);
  EXPECT_EQ(status("/v2", "Bearer other"), 200);
}

TEST_F(AccessTest, GuardsTheAdminPortByItsOwn) {
  ControlMetrics metrics;
  AdminRoutes routes({.metrics_page = [] { return "page"; }, .reload = {}}, models_, metrics,
                     draining_, &tokens_);
  EXPECT_EQ(ask(routes, {.method = Method::kGet, .path = "/metrics"}).status, 401);
  EXPECT_EQ(
      ask(routes, {.method = Method::kPost, .path = "/v2/repository/models/example/load"}).status,
      401);
  EXPECT_EQ(ask(routes, {.method = Method::kGet, .path = "/health"}).status, 200);
  EXPECT_EQ(ask(routes,
                {.method = Method::kGet, .path = "/metrics", .authorization = "Bearer open-sesame"})
                .status,
            200);
  EXPECT_EQ(metrics.admin_refused[0].value(), 2U);
  EXPECT_EQ(metrics.admin_refused[1].value(), 0U);
}

TEST(Credentials, KeepWhatTheyHaveWhenAFileTurnsBad) {
  const ScratchFolder folder;
  folder.write("token", "first");
  chmod((folder / "token").c_str(), 0600);
  Log log;
  log.set_quiet(true);
  const auto credentials = Credentials::load({.token = folder / "token"}, log);
  ASSERT_TRUE(credentials) << credentials.error().message;
  EXPECT_EQ((*credentials)->admin_token(), nullptr);
  EXPECT_EQ((*credentials)->tls(), nullptr);
  ASSERT_EQ((*credentials)->files().size(), 1U);
  EXPECT_EQ((*credentials)->files()[0].path, folder / "token");
  EXPECT_EQ((*credentials)->files()[0].stamp, file_stamp(folder / "token"));
  const auto* token = (*credentials)->token();
  ASSERT_NE(token, nullptr);
  folder.write("token", "");
  (*credentials)->reload();
  EXPECT_TRUE(token->current()->matches("first"));
  folder.write("token", "second");
  (*credentials)->reload();
  EXPECT_TRUE(token->current()->matches("second"));
}

TEST(Credentials, FailWithTheFileThatIsMissing) {
  Log log;
  const auto credentials = Credentials::load({.admin_token = "/no/such/token"}, log);
  ASSERT_FALSE(credentials);
  EXPECT_NE(credentials.error().message.find("/no/such/token"), std::string::npos);
}

}  // namespace
}  // namespace iris::serve
