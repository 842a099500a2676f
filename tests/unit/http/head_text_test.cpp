#include "http/head_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace iris::http {
namespace {

TEST(HeadText, KnowsHostsFromWhatIsNone) {
  for (const char* text : {"", "a", "a:1", "a:", ":80", "a-b_c.d~e", "a%20b", "[::1]", "[::1]:80",
                           "[::ffff:1.2.3.4]", "[v1F.a:b]", "!$&'()*+,;="}) {
    EXPECT_TRUE(is_authority(text)) << text;
  }
  for (const char* text : {"a b",    "a/",    "a@b",   "a:x",    "a:1:2",         "a%2",
                           "a%zz",   "a%",    "[",     "[]",     "[::1",          "[1.2.3.4]",
                           "[::1]a", "[v.a]", "[v1.]", "[vg.a]", "[fe80::1%25e]", "é",
                           "a\"b",   "a#",    "a?",    "a\\b"}) {
    EXPECT_FALSE(is_authority(text)) << text;
  }
  EXPECT_FALSE(is_authority("[" + std::string(100, ':') + "]"));
}

TEST(HeadText, AddsUpCodings) {
  using enum ContentCoding;
  const std::tuple<const char*, ContentCoding> cases[] = {
      {"", kIdentity},          {"identity", kIdentity},   {" , ,identity,", kIdentity},
      {"gzip", kGzip},          {"\tX-GZIP ", kGzip},      {"identity, gzip", kGzip},
      {"deflate", kDeflate},    {"Deflate,", kDeflate},    {"br", kOther},
      {"gzip, gzip", kOther},   {"gzip, deflate", kOther}, {"gzip;q=1", kOther},
      {"identity, br", kOther}, {"gzip gzip", kOther},
  };
  for (const auto& [value, coding] : cases) {
    EXPECT_EQ(with_codings(kIdentity, value), coding) << value;
  }
  EXPECT_EQ(with_codings(kGzip, "gzip"), kOther);
  EXPECT_EQ(with_codings(kGzip, "identity"), kGzip);
  EXPECT_EQ(with_codings(kOther, ""), kOther);
}

TEST(HeadText, ReadsWholeLinesOfARefusedHead) {
  const std::string message =
      "POST /predict?x HTTP/1.1\r\nx-Request-ID:\t17 \r\nTraceparent: 00-ab\r\nX: y\r\n\r\n"
      "X-Request-Id: of the body\r\n";
  for (std::size_t size = 0; size <= message.size(); ++size) {
    const std::string part = message.substr(0, size);
    const Request request = read_refused_head(part);
    const bool has_line = size >= message.find("\r\n") + 2;
    EXPECT_EQ(request.method, has_line ? Method::kPost : Method::kOther) << part;
    EXPECT_EQ(request.path, has_line ? "/predict" : "") << part;
    EXPECT_EQ(request.request_id, size >= message.find("Trace") ? "17" : "") << part;
    EXPECT_EQ(request.traceparent, size >= message.find("X: y") ? "00-ab" : "") << part;
  }
}

TEST(HeadText, MakesNothingUpOfARefusedHead) {
  for (const char* line :
       {"", "GET", "GET /", "GET / ", "GET /\tHTTP/1.1", "GET HTTP/1.1", "\x16\x03 x"}) {
    const std::string message = std::string(line) + "\r\nX-Request-Id: a b\r\n";
    const Request request = read_refused_head(message);
    EXPECT_TRUE(request.path.empty()) << line;
    EXPECT_TRUE(request.request_id.empty()) << line;
  }
  EXPECT_EQ(read_refused_head("GET HTTP://a HTTP/1.1\r\n").path, "/");
  EXPECT_EQ(read_refused_head("GET / x HTTP/1.1\r\n").path, "/ x");
  EXPECT_TRUE(read_refused_head("GET / HTTP/1.1\r\nX-Request-Id: 1\r\n 2\r\n").request_id.empty());
}

}  // namespace
}  // namespace iris::http
