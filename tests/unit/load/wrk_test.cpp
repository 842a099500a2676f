#include "load/wrk.hpp"

#include <gtest/gtest.h>

namespace iris::load {
namespace {

using namespace std::chrono_literals;

// As wrk 4.1.0 printed it.
constexpr const char* kGood =
    "Running 20s test @ http://127.0.0.1:40379/predict\n"
    "  12 threads and 1000 connections\n"
    "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
    "    Latency    12.62ms   15.87ms   1.02s    93.69%\n"
    "    Req/Sec     5.20k     1.07k   12.00k    86.54%\n"
    "  Latency Distribution\n"
    "     50%  635.00us\n"
    "     75%    8.50ms\n"
    "     90%   33.00ms\n"
    "     99%    1.50m \n"
    "  1230456 requests in 20.05s, 180.50MB read\n"
    "Requests/sec:  61369.38\n"
    "Transfer/sec:      9.00MB\n";

std::string with_errors() {
  std::string text = kGood;
  text.insert(text.find("Requests/sec"),
              "  Socket errors: connect 1, read 2, write 3, timeout 44\n"
              "  Non-2xx or 3xx responses: 17\n");
  return text;
}

TEST(ParseWrk, ReadsEveryFigureInItsUnit) {
  const auto report = parse_wrk(kGood);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->requests, 1'230'456U);
  EXPECT_DOUBLE_EQ(report->duration_s, 20.05);
  EXPECT_DOUBLE_EQ(report->requests_per_s, 61'369.38);
  EXPECT_EQ(report->max_us, 1'020'000);
  EXPECT_EQ(report->connections, 1000U);
  EXPECT_EQ(report->output, kGood);
  EXPECT_EQ(report->socket_errors.total(), 0U);
  EXPECT_EQ(report->non_2xx, 0U);
}

TEST(ParseWrk, ReadsTheLinesThatOnlyErrorsBring) {
  const auto report = parse_wrk(with_errors());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->socket_errors.connect, 1U);
  EXPECT_EQ(report->socket_errors.read, 2U);
  EXPECT_EQ(report->socket_errors.write, 3U);
  EXPECT_EQ(report->socket_errors.timeout, 44U);
  EXPECT_EQ(report->non_2xx, 17U);
}

TEST(ParseWrk, RefusesOutputThatWasCutOffAnywhere) {
  const std::string text = with_errors();
  // What comes after the rate of requests is not read.
  const auto needed = text.find("Transfer/sec:");
  for (std::size_t size = 0; size < needed; ++size) {
    EXPECT_FALSE(parse_wrk(text.substr(0, size))) << size;
  }
}

TEST(ParseWrk, NamesWhatItMissesInForeignOutput) {
  const auto foreign = parse_wrk("Summary:\n  Total: 1.2 secs\n");
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ExitCode::kEnvironment);
  EXPECT_EQ(foreign.error().message,
            "wrk's output: found no line 'Thread Stats'; expected wrk's summary, to its end");

  std::string without = kGood;
  without.erase(without.find("Requests/sec"));
  EXPECT_EQ(parse_wrk(without).error().message,
            "wrk's output: found no line 'Requests/sec'; expected wrk's summary, to its end");

  std::string odd = kGood;
  odd.replace(odd.find("1.02s"), 5, "1.02x");
  EXPECT_EQ(
      parse_wrk(odd).error().message,
      "wrk's output: maximum latency is '1.02x', which is no time; expected wrk's summary, to "
      "its end");
}

TEST(ParseWrk, TakesNothingOfAScriptsForItsOwn) {
  const std::string noise =
      "  7 requests in 1.00s, 1.00MB read\nthread 1: 5 requests in 2.00s, so far\n"
      "Requests/sec:   1.00\n  Socket errors: connect 9, read 9, write 9, timeout 9\n"
      "  Non-2xx or 3xx responses: 9\n    Latency 1 2 3\n  Latency Distribution\n     99%    1us\n"
      "  Thread Stats   Avg      Stdev     Max   +/- Stdev\nRunning 5s test @ http://a/\n";
  // Before the summary, after it, and as the beginning of its first line.
  std::string open_line = kGood;
  open_line.insert(open_line.find("  Thread Stats"), noise + "dots .....");
  for (const auto& output : {noise + kGood, kGood + noise, noise + kGood + noise, open_line}) {
    const auto report = parse_wrk(output);
    ASSERT_TRUE(report) << report.error().message << "\n" << output;
    EXPECT_EQ(report->requests, 1'230'456U) << output;
    EXPECT_DOUBLE_EQ(report->requests_per_s, 61'369.38) << output;
    EXPECT_EQ(report->failed(), 0U) << output;
  }
}

TEST(ParseWrk, ReadsASummaryWithoutTheDistribution) {
  std::string text = kGood;
  const auto begin = text.find("  Latency Distribution");
  text.erase(begin, text.find("  1230456 requests") - begin);
  const auto report = parse_wrk(text);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->requests, 1'230'456U);
}

TEST(ParseWrk, RefusesTwoSummariesOfWhichOneIsAScripts) {
  EXPECT_EQ(parse_wrk(std::string(kGood) + kGood).error().message,
            "wrk's output: found 2 summaries, of which a script printed some; expected wrk's "
            "summary, to its end");
}

TEST(LuaError, IsWhatWrkSaysOfItsScript) {
  EXPECT_EQ(lua_error("", "/s/post.lua"), "");
  EXPECT_EQ(lua_error("no request got a good answer\n", "/s/post.lua"), "");
  EXPECT_EQ(lua_error("hello\n/s/post.lua: /s/post.lua:3: '=' expected\n", "/s/post.lua"),
            "/s/post.lua:3: '=' expected");
  EXPECT_EQ(lua_error("/s/post.lua: cannot open /s/post.lua", "/s/post.lua"),
            "cannot open /s/post.lua");
  const auto* panic = "PANIC: unprotected error in call to Lua API (post.lua:2: boom)";
  EXPECT_EQ(lua_error(panic, "/s/post.lua"), panic);
}

TEST(WrkArguments, KeepsWhatIsTheScripts) {
  const std::vector<std::string> argv = {"wrk",        "-t1", "-c1", "-d1s",     "--latency",
                                         "http://a/b", "--",  "-x",  "two words"};
  const auto options = read_wrk_arguments(argv);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->url, "http://a/b");
  EXPECT_EQ(options->script_arguments, (std::vector<std::string>{"-x", "two words"}));
  EXPECT_EQ(to_argv(*options), argv);
  const auto url_after = read_wrk_arguments({"wrk", "-c10", "--", "http://a/b", "one"});
  ASSERT_TRUE(url_after);
  EXPECT_EQ(url_after->url, "http://a/b");
  EXPECT_EQ(url_after->script_arguments, std::vector<std::string>{"one"});
}

TEST(WrkArguments, ReadsTheFormsThatManifestsUse) {
  const auto options = read_wrk_arguments({"/usr/bin/wrk", "-t12", "-c", "1k", "--duration=2m",
                                           "--latency", "-s", "/scripts/post.lua", "-H", "X: y",
                                           "--timeout", "5s", "http://service/predict"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->threads, 12);
  EXPECT_EQ(options->connections, 1'000);
  EXPECT_EQ(options->duration, 120s);
  EXPECT_EQ(options->script, "/scripts/post.lua");
  EXPECT_EQ(options->headers, std::vector<std::string>{"X: y"});
  EXPECT_EQ(options->timeout, 5s);
  EXPECT_EQ(options->url, "http://service/predict");
  EXPECT_EQ(to_argv(*options),
            (std::vector<std::string>{"wrk", "-t12", "-c1000", "-d120s", "--latency", "--timeout",
                                      "5s", "-H", "X: y", "-s", "/scripts/post.lua",
                                      "http://service/predict"}));
}

TEST(WrkArguments, RefusesWhatItCannotRun) {
  const auto error = [](std::vector<std::string> argv) {
    const auto read = read_wrk_arguments(argv);
    return read ? std::string() : read.error().message;
  };
  EXPECT_EQ(error({"sh", "-c", "wrk"}), "expected the command wrk and its arguments, found 'sh'");
  EXPECT_EQ(error({}), "expected the command wrk and its arguments, found ''");
  EXPECT_EQ(error({"wrk", "-cmany", "http://a/"}),
            "wrk --connections: expected a whole number from 1 to 1000000, found 'many'");
  EXPECT_EQ(error({"wrk", "-c0", "http://a/"}),
            "wrk --connections: expected a whole number from 1 to 1000000, found '0'");
  EXPECT_EQ(error({"wrk", "-d"}), "wrk -d: found no value after it");
  EXPECT_EQ(error({"wrk", "https://a/"}),
            "wrk: expected a URL that begins with http://, found 'https://a/'");
  EXPECT_EQ(error({"wrk", "http://a/", "http://b/"}), "wrk: found a second URL, 'http://b/'");
  EXPECT_EQ(error({"wrk", "-t4", "-c2", "http://a/"}),
            "wrk: expected at least as many connections as threads, found 2 and 4");
  EXPECT_NE(error({"wrk", "--rate", "5", "http://a/"}), "");
}

}  // namespace
}  // namespace iris::load
