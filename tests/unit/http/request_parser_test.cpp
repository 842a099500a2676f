#include "http/request_parser.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace iris::http {
namespace {

constexpr ParserLimits kLimits{.header_bytes = 512, .body_bytes = 64};

// Everything that can be said of a message.
struct Outcome {
  Progress progress = Progress::kHead;
  int status = 0;
  std::string path, body, media, authorization, request_id, traceparent;
  std::optional<std::size_t> inference_header_length;
  Method method = Method::kOther;
  std::size_t consumed = 0;
  bool keep_alive = false;

  bool operator==(const Outcome&) const = default;
};

Outcome outcome_of(const RequestParser& parser, Progress progress, std::string_view message) {
  Outcome outcome;
  outcome.progress = progress;
  if (progress == Progress::kComplete) {
    const Request request = parser.request(message);
    outcome.path = request.path;
    outcome.body = request.body;
    outcome.media = request.media_text;
    outcome.authorization = request.authorization;
    outcome.request_id = request.request_id;
    outcome.traceparent = request.traceparent;
    outcome.inference_header_length = request.inference_header_length;
    outcome.method = request.method;
    outcome.consumed = parser.consumed();
    outcome.keep_alive = parser.keep_alive();
  }
  if (progress == Progress::kFault) {
    outcome.status = parser.fault().status;
    EXPECT_FALSE(parser.fault().message.empty());
  }
  return outcome;
}

// Feeds the message in steps of `step` bytes, each time from a new place in memory.
Outcome parse(const std::string& message, std::size_t step) {
  RequestParser parser(kLimits);
  for (std::size_t size = std::min(step, message.size());;
       size = std::min(size + step, message.size())) {
    const std::string copy = message.substr(0, size) + std::string(kBodyPadding, '#');
    const std::string_view so_far(copy.data(), size);
    const Progress progress = parser.feed(so_far);
    const bool ended = progress == Progress::kComplete || progress == Progress::kFault;
    if (ended || size == message.size()) return outcome_of(parser, progress, so_far);
  }
}

Outcome parse(const std::string& message) {
  const Outcome whole = parse(message, message.size());
  return whole;
}

TEST(RequestParser, ReadsAPostAndStopsAtItsEnd) {
  const std::string message =
      "POST /predict?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json; charset=utf-8\r\n"
      "Content-Length: 4\r\n\r\n1234";
  const auto outcome = parse(message + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(outcome.progress, Progress::kComplete);
  EXPECT_EQ(outcome.path, "/predict");
  EXPECT_EQ(outcome.body, "1234");
  EXPECT_EQ(outcome.media, "application/json");
  EXPECT_EQ(outcome.method, Method::kPost);
  EXPECT_EQ(outcome.consumed, message.size());
  EXPECT_TRUE(outcome.keep_alive);
}

TEST(RequestParser, ReadsChunksIntoOneBody) {
  const auto outcome = parse(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;note=x\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: y\r\n\r\n");
  EXPECT_EQ(outcome.progress, Progress::kComplete);
  EXPECT_EQ(outcome.body, "abcd");
}

// However the bytes are cut, the outcome is the same.
TEST(RequestParser, DoesNotDependOnHowTheBytesArrive) {
  const std::string messages[] = {
      "GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: x\r\nU: y\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
  };
  for (const auto& message : messages) {
    const Outcome whole = parse(message);
    for (std::size_t step = 1; step < message.size(); ++step) {
      EXPECT_EQ(parse(message, step), whole) << message << " in steps of " << step;
    }
  }
}

TEST(RequestParser, TakesTheAbsoluteFormAsThePath) {
  const std::pair<const char*, const char*> cases[] = {{"http://a:1/health?x", "/health"},
                                                       {"HTTP://a/health", "/health"},
                                                       {"hTtPs://[::1]/health?/y", "/health"},
                                                       {"http://a", "/"},
                                                       {"HTTP://a?x/y", "/"},
                                                       {"http://a/", "/"},
                                                       {"/http://a/b", "/http://a/b"},
                                                       {"ftp://a/b", "ftp://a/b"}};
  for (const auto& [target, path] : cases) {
    const auto message = "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(parse(message).path, path) << target;
    EXPECT_EQ(parse(message, 1).path, path) << target;
  }
  for (const char* target :
       {"http://", "http:///a", "http://a b/", "http://[::1/", "http://u@a/"}) {
    EXPECT_EQ(parse("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n").status, 400)
        << target;
  }
}

TEST(RequestParser, KnowsWhenTheConnectionEnds) {
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(RequestParser, RefusesWhatLosesTheFraming) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::tuple<std::string, int> cases[] = {
      {head + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {head + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
      {head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400},
      {head + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 400},
      {head + "Content-Length: -1\r\n\r\n", 400},
      {head + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {head + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {head + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
      {head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", 400},
      {head + "Content-Length: 65\r\n\r\n", 413},
      {head + "Transfer-Encoding: chunked\r\n\r\n41\r\n", 413},
      {head + "Broken Field: x\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {head + "Content-Length:\r\n 3\r\n\r\nabc", 400},
      {head + "Content-Length: 3\r\n \r\n\r\nabc", 400},
      {head + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
      {head + "Transfer-Encoding: chunked\r\n\t\r\n\r\n0\r\n\r\n", 400},
      {head + "Authorization: a\r\nAuthorization: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400},
      {"POST / HTTP/3.0\r\nHost: a\r\n\r\n", 400},
      {"\x16\x03\x01 nonsense\r\n\r\n", 400},
      {head + "X: " + std::string(600, 'x') + "\r\n\r\n", 431},
      {"GET /" + std::string(600, 'x') + " HTTP/1.1\r\n", 431},
  };
  for (const auto& [message, status] : cases) {
    const auto outcome = parse(message);
    EXPECT_EQ(outcome.progress, Progress::kFault) << message;
    EXPECT_EQ(outcome.status, status) << message;
  }
}

TEST(RequestParser, BoundsAHeadThatComesLineByLine) {
  std::string message = "GET / HTTP/1.1\r\nHost: a\r\n";
  RequestParser parser(kLimits);
  Progress progress = parser.feed(message);
  for (int i = 0; i < 1000 && progress == Progress::kHead; ++i) {
    message += "X: y\r\n";
    progress = parser.feed(message);
  }
  EXPECT_EQ(progress, Progress::kFault);
  EXPECT_EQ(parser.fault().status, 431);
  EXPECT_LE(message.size(), 3 * kLimits.header_bytes);
}

TEST(RequestParser, IsUsedAgainAfterReset) {
  RequestParser parser(kLimits);
  const std::string first =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
  ASSERT_EQ(parser.feed(first), Progress::kComplete);
  parser.reset();
  const std::string second = "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(parser.feed(second), Progress::kComplete);
  EXPECT_EQ(parser.request(second).path, "/b");
  EXPECT_EQ(parser.request(second).body, "");
}

TEST(RequestParser, SeesThatTheClientWaitsForPermission) {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  RequestParser parser(kLimits);
  EXPECT_EQ(parser.feed(head), Progress::kBody);
  EXPECT_TRUE(parser.expects_continue());
}

// The bound is met at the same byte, however the message comes.
TEST(RequestParser, BoundsTheHeadHoweverItIsCut) {
  const std::string start = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: ";
  const std::string end = "\r\n\r\n";
  const std::size_t room = kLimits.header_bytes - start.size() - end.size();
  for (const std::size_t step : {1UL, 7UL, 100UL, 10'000UL}) {
    const auto fits = start + std::string(room, 'x') + end + "abc";
    EXPECT_EQ(parse(fits, step).progress, Progress::kComplete) << step;
    const auto too_large = start + std::string(room + 1, 'x') + end + "abc";
    EXPECT_EQ(parse(too_large, step).status, 431) << step;
  }
}

// As above, for what stands between the pieces of a chunked body and behind the last of them.
TEST(RequestParser, BoundsTheFramingOfChunksHoweverItIsCut) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string extension = "\r\n3;e=";
  const std::string trailer = "\r\n0\r\nT: ";
  const std::string end = "\r\n\r\n";
  const std::size_t bound = 2 * kLimits.header_bytes;
  const auto with_extension = [&](std::size_t bytes) {
    const std::string text(bytes - extension.size() - 2, 'x');
    return head + "3\r\nabc" + extension + text + "\r\ndef\r\n0\r\n\r\n";
  };
  const auto with_trailer = [&](std::size_t bytes) {
    const std::string text(bytes - trailer.size() - end.size(), 'x');
    return head + "3\r\nabc" + trailer + text + end;
  };
  for (const std::size_t step : {1UL, 7UL, 100UL, 10'000UL}) {
    EXPECT_EQ(parse(with_extension(bound), step).progress, Progress::kComplete) << step;
    EXPECT_EQ(parse(with_extension(bound + 1), step).status, 431) << step;
    EXPECT_EQ(parse(with_trailer(bound), step).progress, Progress::kComplete) << step;
    EXPECT_EQ(parse(with_trailer(bound + 1), step).status, 431) << step;
  }
}

// As above, for all of a chunked message.
TEST(RequestParser, BoundsAChunkedMessageHoweverItIsCut) {
  std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: ";
  head += std::string(kLimits.header_bytes - head.size() - 4, 'x') + "\r\n\r\n";
  const std::string before = head + "3\r\nabc\r\n0\r\nT: ";
  const std::string end = "\r\n\r\n";
  const auto message = [&](std::size_t bytes) {
    return before + std::string(bytes - before.size() - end.size(), 'x') + end;
  };
  const std::size_t bound = 2 * (kLimits.header_bytes + kLimits.body_bytes);
  for (const std::size_t step : {1UL, 7UL, 100UL, 10'000UL}) {
    EXPECT_EQ(parse(message(bound), step).progress, Progress::kComplete) << step;
    EXPECT_EQ(parse(message(bound + 1), step).status, 413) << step;
  }
}

// Feeds messages to one parser, as a connection does, and returns what it says of the last.
Outcome last_of(RequestParser& parser, const std::vector<std::string>& messages) {
  Outcome outcome;
  for (const auto& message : messages) {
    parser.reset();
    const Progress progress = parser.feed(message);
    outcome = outcome_of(parser, progress, message);
  }
  return outcome;
}

// What came before on the connection changes nothing, be it the same head, nearly the same, or one
// that was refused.
TEST(RequestParser, AHeadThatIsKnownSaysWhatItSaidBefore) {
  const std::string messages[] = {
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc",
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nxyz",
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nab",
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nabcd",
      "POST /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
      "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /a HTTP/1.1\r\n\r\n",
      "GET /" + std::string(600, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n",
  };
  for (const auto& before : messages) {
    for (const auto& message : messages) {
      RequestParser fresh(kLimits);
      RequestParser used(kLimits);
      EXPECT_EQ(last_of(used, {before, message}), last_of(fresh, {message})) << before << message;
    }
  }
}

TEST(RequestParser, ReadsTheFieldsThatHandlersUse) {
  const std::string head =
      "POST /p HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x y\r\nx-request-id: 17\r\n"
      "TraceParent: 00-ab-cd-01\r\nInference-Header-Content-Length: 12\r\n";
  const std::string message = head + "Content-Length: 2\r\n\r\nok";
  for (std::size_t step = 1; step <= message.size(); ++step) {
    const Outcome outcome = parse(message, step);
    ASSERT_EQ(outcome.progress, Progress::kComplete) << step;
    EXPECT_EQ(outcome.authorization, "Bearer x y");
    EXPECT_EQ(outcome.request_id, "17");
    EXPECT_EQ(outcome.traceparent, "00-ab-cd-01");
    EXPECT_EQ(outcome.inference_header_length, 12U);
  }
}

TEST(RequestParser, TakesAFoldedFieldAsNotSent) {
  const Outcome outcome = parse("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer\r\n x\r\n\r\n");
  EXPECT_EQ(outcome.progress, Progress::kComplete);
  EXPECT_EQ(outcome.authorization, "");
}

TEST(RequestParser, RefusesALengthOfTheInferenceHeaderThatIsNone) {
  for (const char* value : {"-1", "1x", "", "99999999999999999999"}) {
    const Outcome outcome =
        parse(std::string("GET / HTTP/1.1\r\nHost: a\r\nInference-Header-Content-Length: ") +
              value + "\r\n\r\n");
    EXPECT_EQ(outcome.status, 400) << value;
  }
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: a\r\nInference-Header-Content-Length: 1\r\n"
                  "Inference-Header-Content-Length: 1\r\n\r\n")
                .status,
            400);
}

}  // namespace
}  // namespace iris::http
