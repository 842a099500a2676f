// Google Cloud Storage: credentials of each kind, and uploads that are interrupted.
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "remote/encoding.hpp"
#include "remote/google_token.hpp"
#include "remote/remote.hpp"
#include "remote/token_hosts.hpp"
#include "stand_in.hpp"

namespace iris::remote {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// A key of this test alone.
struct Key {
  Key() : key(EVP_RSA_gen(2048)) {
    BIO* memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory, &text);
    pem.assign(text, static_cast<std::size_t>(size));
    BIO_free(memory);
  }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  ~Key() { EVP_PKEY_free(key); }

  bool signed_it(const std::string& text, const std::string& signature) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key);
    const int good = EVP_DigestVerify(
        context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
        reinterpret_cast<const unsigned char*>(text.data()), text.size());
    EVP_MD_CTX_free(context);
    return good == 1;
  }

  EVP_PKEY* key;
  std::string pem;
};

const Key& test_key() {
  static const Key key;  // making one takes a second
  return key;
}

std::string from_base64_url(std::string text) {
  for (char& c : text) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  while (text.size() % 4 != 0) text += '=';
  return from_base64(text).value_or("");
}

class GsRemoteTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "iris-gs-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    options_.retry.attempts = 3;
    options_.sleep = [](Nanoseconds) {};
    options_.large_upload_bytes = 8;
    options_.now = [this] { return now_; };
    options_.environment = [this](const char* name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional(found->second);
    };
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<std::unique_ptr<Remote>> open(const StandIn& server, const Json& credentials = {}) {
    RemoteSettings settings{"gs://bucket/pre fix", {{"endpointurl", server.url()}}};
    if (!credentials.is_null()) {
      EXPECT_TRUE(write_file(folder_ + "/key.json", credentials.dump()));
      settings.options["credentialpath"] = folder_ + "/key.json";
    }
    return open_remote(settings, options_);
  }
  Upload upload(const std::string& content) {
    EXPECT_TRUE(write_file(folder_ + "/x", content));
    return {.file = folder_ + "/x",
            .bytes = content.size(),
            .md5 = md5_hex(content),
            .session = folder_ + "/session",
            .on_bytes = [this](std::int64_t bytes) { told_ += bytes; }};
  }
  static std::string stored(const std::string& content) {
    return answer(200, Json{{"size", std::to_string(content.size())},
                            {"md5Hash", to_base64(bytes_of_hex(md5_hex(content)))}}
                           .dump());
  }

  std::string folder_;
  RemoteOptions options_;
  std::map<std::string, std::string> environment_;
  WallTime now_{std::chrono::seconds(1'700'000'000)};
  std::int64_t told_ = 0;
};

TEST_F(GsRemoteTest, AnEmulatorIsAskedWithoutCredentials) {
  StandIn server([](const Asked& asked, int) {
    EXPECT_EQ(asked.target, "/storage/v1/b/bucket/o/pre%20fix%2Fab%2Fcd?fields=size,md5Hash");
    EXPECT_EQ(asked.header("Authorization"), "");
    return stored("content");
  });
  const auto found = open(server).value()->find("ab/cd");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->bytes, 7U);
  EXPECT_EQ((*found)->md5, md5_hex("content"));
}

TEST_F(GsRemoteTest, AServiceAccountSignsForAToken) {
  const Key& key = test_key();
  StandIn server([&](const Asked& asked, int) {
    if (asked.target != "/token") {
      EXPECT_EQ(asked.header("Authorization"), "Bearer ya29.token");
      return stored("content");
    }
    const auto at = asked.body.find("assertion=");
    const std::string claim = asked.body.substr(at + 10);
    const auto first = claim.find('.');
    const auto second = claim.find('.', first + 1);
    EXPECT_TRUE(key.signed_it(claim.substr(0, second), from_base64_url(claim.substr(second + 1))));
    const auto header = Json::parse(from_base64_url(claim.substr(0, first)));
    EXPECT_EQ(header, (Json{{"alg", "RS256"}, {"typ", "JWT"}, {"kid", "key-1"}}));
    const auto claims = Json::parse(from_base64_url(claim.substr(first + 1, second - first - 1)));
    EXPECT_EQ(claims["iss"], "robot@example.org");
    const auto now = std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch().count();
    EXPECT_EQ(claims["iat"], now);
    EXPECT_EQ(claims["exp"], now + 3600);
    return answer(200, R"({"access_token":"ya29.token","expires_in":3600})");
  });
  auto remote = open(server, {{"type", "service_account"},
                              {"client_email", "robot@example.org"},
                              {"private_key", key.pem},
                              {"private_key_id", "key-1"},
                              {"token_uri", server.url() + "/token"}});
  ASSERT_TRUE(remote) << remote.error().message;
  ASSERT_TRUE((*remote)->find("a"));
  ASSERT_TRUE((*remote)->find("b"));
  EXPECT_EQ(server.asked().size(), 3U);  // one token for both
  now_ += std::chrono::minutes(59);
  ASSERT_TRUE((*remote)->find("c"));
  EXPECT_EQ(server.asked().size(), 5U);  // it would have ended soon
}

TEST_F(GsRemoteTest, ARevokedKeyIsNamedAndNotShown) {
  const Key& key = test_key();
  StandIn server([](const Asked&, int) {
    return answer(400, R"({"error":"invalid_grant","error_description":"Invalid JWT Signature."})");
  });
  auto remote = open(server, {{"type", "service_account"},
                              {"client_email", "robot@example.org"},
                              {"private_key", key.pem},
                              {"token_uri", server.url() + "/token"}})
                    .value();
  const auto found = remote->find("a");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ExitCode::kEnvironment);
  const std::string& said = found.error().message;
  EXPECT_NE(said.find("Invalid JWT Signature."), std::string::npos) << said;
  EXPECT_NE(said.find("was the key revoked"), std::string::npos) << said;
  EXPECT_EQ(said.find("PRIVATE"), std::string::npos);
  EXPECT_EQ(said.find("assertion"), std::string::npos);
}

TEST_F(GsRemoteTest, AKeyThatIsNoneIsNotShownEither) {
  StandIn server([](const Asked&, int) { return answer(200, "{}"); });
  auto remote = open(server, {{"type", "service_account"},
                              {"client_email", "robot@example.org"},
                              {"private_key",
                               "-----BEGIN "
                               "PRIVATE KEY-----\nc2VjcmV0\n"},
                              {"token_uri", server.url() + "/token"}})
                    .value();
  const auto said = remote->find("a").error().message;
  EXPECT_NE(said.find("key.json: found no RSA private key"), std::string::npos) << said;
  EXPECT_EQ(said.find("c2VjcmV0"), std::string::npos);
  EXPECT_TRUE(server.asked().empty());
}

TEST_F(GsRemoteTest, ATokenThatIsRefusedIsRenewedOnce) {
  StandIn server([](const Asked& asked, int number) {
    if (asked.target == "/token") {
      EXPECT_NE(asked.body.find("refresh_token=1%2F%2Frefresh"), std::string::npos);
      return answer(
          200, Json{{"access_token", "t" + std::to_string(number)}, {"expires_in", 3600}}.dump());
    }
    return asked.header("Authorization") == "Bearer t0" ? answer(401, "") : stored("x");
  });
  auto remote = open(server, {{"type", "authorized_user"},
                              {"client_id", "id"},
                              {"client_secret", "secret"},
                              {"refresh_token", "1//refresh"},
                              {"token_uri", server.url() + "/token"}})
                    .value();
  EXPECT_TRUE(remote->find("a"));
  EXPECT_EQ(server.asked().size(), 4U);
}

TEST_F(GsRemoteTest, WorkloadIdentityFederationExchangesAndImpersonates) {
  StandIn server([](const Asked& asked, int) {
    if (asked.target == "/oidc") {
      EXPECT_EQ(asked.header("Authorization"), "Bearer github");
      return answer(200, R"({"value":"oidc-token"})");
    }
    if (asked.target == "/sts") {
      EXPECT_NE(asked.body.find("subject_token=oidc-token"), std::string::npos);
      return answer(200, R"({"access_token":"federated","expires_in":3600})");
    }
    if (asked.target == "/robot:generateAccessToken") {
      EXPECT_EQ(asked.header("Authorization"), "Bearer federated");
      return answer(200, R"({"accessToken":"robot","expireTime":"2033-01-01T00:00:00Z"})");
    }
    EXPECT_EQ(asked.header("Authorization"), "Bearer robot");
    return stored("x");
  });
  auto remote = open(
      server, {{"type", "external_account"},
               {"audience", "//iam.googleapis.com/x"},
               {"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"},
               {"token_url", server.url() + "/sts"},
               {"service_account_impersonation_url", server.url() + "/robot:generateAccessToken"},
               {"credential_source",
                {{"url", server.url() + "/oidc"},
                 {"headers", {{"Authorization", "Bearer github"}}},
                 {"format", {{"type", "json"}, {"subject_token_field_name", "value"}}}}}});
  ASSERT_TRUE(remote) << remote.error().message;
  const auto found = (*remote)->find("a");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(server.asked().size(), 4U);
}

TEST_F(GsRemoteTest, TheMetadataServerIsTheLastResort) {
  StandIn metadata([](const Asked& asked, int) {
    EXPECT_EQ(asked.target, "/computeMetadata/v1/instance/service-accounts/default/token");
    EXPECT_EQ(asked.header("Metadata-Flavor"), "Google");
    return answer(200, R"({"access_token":"machine","expires_in":3600})");
  });
  environment_ = {{"GCE_METADATA_HOST", metadata.url().substr(7)}, {"HOME", folder_}};
  const auto authorization = open_google_token("", options_).value();
  const auto headers = authorization->headers();
  ASSERT_TRUE(headers) << headers.error().message;
  EXPECT_EQ(headers->at(0), "Authorization: Bearer machine");
  environment_["GCE_METADATA_HOST"] = "127.0.0.1:1";
  const auto none = open_google_token("", options_).value()->headers();
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("gcloud auth application-default login"), std::string::npos);
}

TEST_F(GsRemoteTest, CredentialsOfGcloudAreFoundAndUnknownOnesNamed) {
  ASSERT_TRUE(write_file(folder_ + "/.config/gcloud/application_default_credentials.json",
                         R"({"type":"gdch_service_account"})"));
  environment_ = {{"HOME", folder_}};
  const auto opened = open_google_token("", options_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("found type \"gdch_service_account\""), std::string::npos);
}

TEST_F(GsRemoteTest, CredentialsAreNotSentWithoutHttps) {
  const auto remote = open_remote(
      {"gs://bucket", {{"endpointurl", "http://example.org"}, {"credentialpath", "/key"}}},
      options_);
  ASSERT_FALSE(remote);
  EXPECT_NE(remote.error().message.find("expected https"), std::string::npos);
}

TEST_F(GsRemoteTest, TheTokenGoesToGoogleAndToThisMachineAlone) {
  const std::vector<std::string> none;
  for (const char* url : {"https://storage.googleapis.com", "https://STORAGE.googleapis.com:443/x",
                          "https://oauth2.googleapis.com/token", "http://127.0.0.1:4443",
                          "http://localhost:1", "https://[::1]:2"}) {
    EXPECT_TRUE(may_see_token(url, none)) << url;
  }
  for (const char* url :
       {"http://storage.googleapis.com", "https://storage.googleapis.com.evil.example",
        "https://evilgoogleapis.com", "https://127.evil.example", "https://localhost.evil.example",
        "https://storage.googleapis.com@evil.example", "https://storage.googleapis.com:444",
        "https://evil.example\\@storage.googleapis.com", "https://evil.example#.googleapis.com",
        "ftp://storage.googleapis.com", "storage.googleapis.com", ""}) {
    EXPECT_FALSE(may_see_token(url, none)) << url;
  }
  EXPECT_TRUE(may_see_token("https://minio.example/x", {"minio.example"}));
  EXPECT_TRUE(may_see_token("https://minio.example:9000", {"Minio.example:9000"}));
  EXPECT_FALSE(may_see_token("https://minio.example:9000", {"minio.example"}));
  EXPECT_FALSE(may_see_token("http://minio.example", {"minio.example"}));
}

TEST_F(GsRemoteTest, ARepositoryDoesNotChooseWhoSeesTheToken) {
  const auto refused = open_remote(
      {"gs://bucket", {{"endpointurl", "https://evil.example"}, {"credentialpath", "/key"}}},
      options_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("--allow-endpoint HOST"), std::string::npos)
      << refused.error().message;
  // Without a token to be seen there is nothing to refuse.
  EXPECT_TRUE(
      open_remote({"gs://bucket",
                   {{"endpointurl", "https://other.example"}, {"allow_anonymous_login", "true"}}},
                  options_));
}

TEST_F(GsRemoteTest, ASmallUploadTellsItsDigestAndChecksTheAnswer) {
  StandIn server([](const Asked& asked, int number) {
    EXPECT_EQ(asked.method, "POST");
    EXPECT_NE(asked.body.find(to_base64(bytes_of_hex(md5_hex("small")))), std::string::npos);
    EXPECT_NE(asked.body.find("\r\n\r\nsmall\r\n--"), std::string::npos);
    return number == 0 ? stored("small") : stored("other");
  });
  auto remote = open(server).value();
  EXPECT_TRUE(remote->put("ab/cd", upload("small")));
  EXPECT_EQ(told_, 5);
  const auto wrong = remote->put("ab/cd", upload("small"));
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("the service stored 5 bytes with digest"),
            std::string::npos);
}

TEST_F(GsRemoteTest, ALargeUploadGoesOnWhereTheServiceStands) {
  const std::string content = "0123456789abcdef";
  StandIn* self = nullptr;
  StandIn server([&](const Asked& asked, int number) {
    switch (number) {
      case 0:
        EXPECT_EQ(asked.header("X-Upload-Content-Length"), "16");
        return answer(200, "", "Location: " + self->url() + "/session?upload_id=hidden\r\n");
      case 1:
        EXPECT_EQ(asked.header("Content-Range"), "bytes 0-15/16");
        return answer(503, "");
      case 2:
        EXPECT_EQ(asked.header("Content-Range"), "bytes */16");
        return answer(308, "", "Range: bytes=0-5\r\n");
      default:
        EXPECT_EQ(asked.header("Content-Range"), "bytes 6-15/16");
        EXPECT_EQ(asked.body, content.substr(6));
        return stored(content);
    }
  });
  self = &server;
  const auto put = open(server).value()->put("ab/cd", upload(content));
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(server.asked().size(), 4U);
  EXPECT_EQ(told_, 16);
  EXPECT_FALSE(fs::exists(folder_ + "/session"));
}

TEST_F(GsRemoteTest, ASessionIsNeverWrittenThroughALink) {
  const std::string content = "0123456789abcdef";
  std::ofstream(folder_ + "/mine") << "mine";
  fs::create_symlink(folder_ + "/mine", folder_ + "/session");
  StandIn* self = nullptr;
  StandIn server([&](const Asked&, int number) {
    if (number > 0) return answer(503, "");
    return answer(200, "", "Location: " + self->url() + "/session?upload_id=x\r\n");
  });
  self = &server;
  EXPECT_FALSE(open(server).value()->put("ab/cd", upload(content)));
  EXPECT_EQ(fs::file_size(folder_ + "/mine"), 4U);
}

TEST_F(GsRemoteTest, ASessionAtAnotherServerIsRefused) {
  StandIn server([&](const Asked&, int) {
    return answer(200, "", "Location: http://elsewhere.example/session?upload_id=hidden\r\n");
  });
  const auto refused = open(server).value()->put("ab/cd", upload("0123456789abcdef"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("an upload session at another server"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(server.asked().size(), 1U);
}

TEST_F(GsRemoteTest, ALargeUploadIsContinuedByTheNextRunAndItsSessionIsNotShown) {
  const std::string content = "0123456789abcdef";
  StandIn* self = nullptr;
  bool better = false;
  StandIn server([&](const Asked& asked, int number) {
    if (number == 0) {
      return answer(200, "", "Location: " + self->url() + "/session?upload_id=hidden\r\n");
    }
    EXPECT_EQ(asked.target, "/session?upload_id=hidden");
    if (!better) return answer(503, "");
    if (asked.header("Content-Range") == "bytes */16") {
      return answer(308, "", "Range: bytes=0-7\r\n");
    }
    EXPECT_EQ(asked.body, content.substr(8));
    return stored(content);
  });
  self = &server;
  const auto failed = open(server).value()->put("ab/cd", upload(content));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message.find("hidden"), std::string::npos) << failed.error().message;
  const auto mode = fs::status(folder_ + "/session").permissions();
  EXPECT_EQ(mode, fs::perms::owner_read | fs::perms::owner_write);
  better = true;
  const auto put = open(server).value()->put("ab/cd", upload(content));
  ASSERT_TRUE(put) << put.error().message;
}

TEST_F(GsRemoteTest, ASessionThatIsOverIsReplaced) {
  const std::string content = "0123456789abcdef";
  StandIn* self = nullptr;
  StandIn server([&](const Asked& asked, int number) {
    if (asked.method == "POST") {
      return answer(200, "", "Location: " + self->url() + "/session?upload_id=x\r\n");
    }
    return number == 1 ? answer(410, "") : stored(content);
  });
  self = &server;
  EXPECT_TRUE(open(server).value()->put("ab/cd", upload(content)));
  EXPECT_EQ(server.asked().size(), 4U);
}

TEST_F(GsRemoteTest, AReadOnlyBucketSaysWhatToDo) {
  StandIn server([](const Asked&, int) {
    return answer(
        403, R"({"error":{"code":403,"message":"robot does not have storage.objects.create"}})");
  });
  const auto put = open(server).value()->put("ab/cd", upload("small"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ExitCode::kEnvironment);
  const std::string& said = put.error().message;
  EXPECT_NE(said.find("gs://bucket/pre fix/ab/cd: the server answered 403 (robot does not have "
                      "storage.objects.create)"),
            std::string::npos)
      << said;
  EXPECT_EQ(server.asked().size(), 1U);
}

}  // namespace
}  // namespace iris::remote
