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

std::string write_tensors(const ResponseOptions& options, std::string_view json,
                          std::string_view tensors) {
  Buffer out;
  Response response(out, options);
  response.begin_tensors();
  append(response.body(), json);
  response.end_json();
  append(response.body(), tensors);
  response.finish();
  return text(out);
}

TEST(Response, FillsInTheLength) {
  EXPECT_EQ(write({.date = "Date: x\r\n"}, 200, "12345678901"),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: x\r\n"
            "Content-Length:         11\r\n\r\n12345678901");
}

// What is made once must be what would be made each time.
TEST(Response, TheUsualHeadsAreNoOthers) {
  const std::string date = "Date: x\r\n";
  const auto usual = usual_heads(date);
  for (const bool close : {false, true}) {
    for (const char* id : {"", "7"}) {
      const ResponseOptions with{.date = date, .usual = &usual, .close = close, .request_id = id};
      const ResponseOptions without{.date = date, .close = close, .request_id = id};
      for (const int status : {200, 404}) {
        EXPECT_EQ(write(with, status, "{}"), write(without, status, "{}"));
      }
      EXPECT_EQ(write_tensors(with, "{}", "123"), write_tensors(without, "{}", "123"));
    }
  }
  const auto other = usual_heads("Date: y\r\n");
  const ResponseOptions options{.date = date, .usual = &other};
  EXPECT_NE(write(options, 200, "{}").find("Date: y"), std::string::npos) << "it is used";
  EXPECT_NE(write_tensors(options, "{}", "").find("Date: y"), std::string::npos) << "it is used";
}

TEST(Response, SaysWhereTheJsonEndsBeforeTensors) {
  EXPECT_EQ(write_tensors({.date = "Date: x\r\n"}, "{\"a\":1234}", "123"),
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nDate: x\r\n"
            "Inference-Header-Content-Length:         10\r\n"
            "Content-Length:         13\r\n\r\n{\"a\":1234}123");
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
