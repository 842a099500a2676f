#include "http/response.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iris::http {
namespace {

std::string text(const Buffer& buffer) {
  return {buffer.data(), buffer.size()};
}

std::string write(const ResponseOptions& options, int status, std::string_view body) {
  Buffer out;
  Response response(out, options);
  response.begin(status);
  append(response.body(), body);
  response.finish();
  return text(out);
}

TEST(Response, FillsInTheLength) {
  EXPECT_EQ(write({.date = "Date: x\r\n"}, 200, "12345678901"),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: x\r\n"
            "Content-Length:         11\r\n\r\n12345678901");
}

// The head that is made once must be the one that would be made each time.
TEST(Response, TheUsualHeadIsNoOther) {
  const std::string date = "Date: x\r\n";
  const std::string head = json_head(date);
  for (const int status : {200, 404}) {
    for (const bool close : {false, true}) {
      EXPECT_EQ(write({.date = date, .json_head = head, .close = close}, status, "{}"),
                write({.date = date, .close = close}, status, "{}"));
    }
  }
  const auto answer = write({.date = date, .json_head = json_head("Date: y\r\n")}, 200, "{}");
  EXPECT_NE(answer.find("Date: y"), std::string::npos) << "it is used";
}

TEST(Response, SaysHowTheConnectionGoesOn) {
  EXPECT_NE(write({.close = true}, 404, "").find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_NE(write({.keep_alive_1_0 = true}, 200, "").find("\r\nConnection: keep-alive\r\n"),
            std::string::npos);
  EXPECT_EQ(write({}, 200, "").find("Connection"), std::string::npos);
}

TEST(Response, AnswersHeadWithTheLengthAlone) {
  const auto answer = write({.head_only = true}, 200, "four");
  EXPECT_NE(answer.find("Content-Length:          4\r\n\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST(Response, StartsAgainWithoutTouchingWhatIsBefore) {
  Buffer out;
  append(out, "before");
  Response response(out, {});
  response.begin(200);
  append(response.body(), "half an answer");
  response.begin(500);
  append(response.body(), "sorry");
  response.finish();
  const auto answer = text(out);
  EXPECT_TRUE(answer.starts_with("beforeHTTP/1.1 500 Internal Server Error\r\n"));
  EXPECT_TRUE(answer.ends_with("Content-Length:          5\r\n\r\nsorry"));
  EXPECT_EQ(response.status(), 500);
}

}  // namespace
}  // namespace iris::http
