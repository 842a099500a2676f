#include "load/wrk.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cmath>

namespace iris::load {
namespace {

constexpr std::size_t kOutputBytes = std::size_t{1} << 20;
constexpr std::string_view kInstall = "install it with: apt-get install wrk";

struct Unit {
  std::string_view suffix;
  double factor;
};
// wrk 4.1 src/units.c: times step from us to s by 1000, then by 60; counts by 1000.
constexpr std::array<Unit, 5> kTimes = {
    {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}}};

constexpr std::string_view kBlock = "Thread Stats   Avg      Stdev     Max   +/- Stdev";

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    // A line without its end may have lost more than that.
    if (end == text.size()) break;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = line.find_first_not_of(" ,");
    if (begin == std::string_view::npos) return words;
    const auto end = std::min(line.find_first_of(" ,", begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

tl::unexpected<Error> not_wrk(std::string_view what) {
  return environment_error("wrk's output: {}; expected wrk's summary, to its end", what);
}

Result<std::int64_t> read_time_us(std::string_view what, std::string_view word) {
  double number = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
  const std::string_view suffix(end, static_cast<std::size_t>(word.data() + word.size() - end));
  for (const auto& unit : kTimes) {
    if (code == std::errc() && suffix == unit.suffix && number >= 0 && number < 1e9) {
      return std::llround(number * unit.factor);
    }
  }
  return not_wrk(fmt::format("{} is '{}', which is no time", what, word));
}

template <class T>
Result<T> read_number(std::string_view what, std::string_view word) {
  T number{};
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (code == std::errc() && end == word.data() + word.size()) return number;
  return not_wrk(fmt::format("{} is '{}', which is no number", what, word));
}

// Runs the readers in order until one fails.
template <class T>
bool store(Result<T> read, T& into, std::optional<Error>& error) {
  if (error) return false;
  if (!read) {
    error = read.error();
    return false;
  }
  into = *read;
  return true;
}

// The lines of one block, taken in their order.
class Block {
 public:
  explicit Block(const std::vector<std::string_view>& lines, std::size_t first)
      : lines_(lines), next_(first) {}

  // The words after `start` when the next line begins with it.
  std::optional<std::vector<std::string_view>> take(std::string_view start) {
    if (next_ == lines_.size() || !lines_[next_].starts_with(start)) return std::nullopt;
    return words_of(lines_[next_++].substr(start.size()));
  }

  // "  22464657 requests in 30.00s, 17.76GB read"
  std::optional<std::vector<std::string_view>> take_totals() {
    if (next_ == lines_.size()) return std::nullopt;
    auto words = words_of(lines_[next_]);
    const bool fits =
        words.size() == 6 && words[1] == "requests" && words[2] == "in" && words[5] == "read";
    if (!fits) return std::nullopt;
    ++next_;
    return words;
  }

  void skip_distribution() {
    if (!take("  Latency Distribution")) return;
    for (const char* quantile : {"     50%", "     75%", "     90%", "     99%"}) take(quantile);
  }

 private:
  const std::vector<std::string_view>& lines_;
  std::size_t next_;
};

// "  Socket errors: connect 0, read 12, write 0, timeout 3"; the line is absent when all are 0.
Result<void> parse_errors(Block& block, WrkReport& report) {
  std::optional<Error> error;
  auto& errors = report.socket_errors;
  if (const auto words = block.take("  Socket errors:")) {
    const std::array<std::pair<std::string_view, std::uint64_t*>, 4> kinds = {
        {{"connect", &errors.connect},
         {"read", &errors.read},
         {"write", &errors.write},
         {"timeout", &errors.timeout}}};
    if (words->size() != 2 * kinds.size()) return not_wrk("the line 'Socket errors' is cut off");
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      if ((*words)[2 * i] != kinds[i].first) return not_wrk("the line 'Socket errors' is unknown");
      store(read_number<std::uint64_t>("a count of errors", (*words)[2 * i + 1]), *kinds[i].second,
            error);
    }
  }
  if (const auto bad = block.take("  Non-2xx or 3xx responses:"); bad && !bad->empty()) {
    store(read_number<std::uint64_t>("the count of non-2xx answers", bad->front()), report.non_2xx,
          error);
  }
  if (error) return tl::unexpected(*error);
  return {};
}

// wrk prints the block at once, so that nothing of a script's can stand within it.
Result<WrkReport> parse_block(Block block) {
  WrkReport report;
  std::optional<Error> error;
  const auto latency = block.take("    Latency ");
  if (!latency || latency->size() < 3) return not_wrk("found no line 'Latency'");
  store(read_time_us("maximum latency", (*latency)[2]), report.max_us, error);
  if (!block.take("    Req/Sec ")) return not_wrk("found no line 'Req/Sec'");
  block.skip_distribution();
  const auto totals = block.take_totals();
  if (!totals) return not_wrk("found no line '… requests in …'");
  store(read_number<std::uint64_t>("the count of requests", (*totals)[0]), report.requests, error);
  std::int64_t duration_us = 0;
  store(read_time_us("the duration", (*totals)[3]), duration_us, error);
  report.duration_s = static_cast<double>(duration_us) / 1e6;
  if (error) return tl::unexpected(*error);
  if (auto done = parse_errors(block, report); !done) return tl::unexpected(done.error());
  const auto rate = block.take("Requests/sec:");
  if (!rate || rate->empty()) return not_wrk("found no line 'Requests/sec'");
  auto per_s = read_number<double>("the rate of requests", rate->front());
  if (!per_s) return tl::unexpected(per_s.error());
  report.requests_per_s = *per_s;
  return report;
}

// "  12 threads and 1000 connections"
std::uint64_t connections_of(const std::vector<std::string_view>& lines) {
  for (const auto line : lines) {
    const auto words = words_of(line);
    if (words.size() != 5 || words[1] != "threads" || words[2] != "and") continue;
    if (const auto read = read_number<std::uint64_t>("connections", words[3])) return *read;
  }
  return 0;
}

// Keeps the first `first` bytes and the last `last` or more, so that neither the first error nor
// the summary at the end is lost to what a script prints in between.
void drain(int fd, std::string& into, std::size_t first, std::size_t last) {
  std::array<char, 4096> buffer{};
  // Bounded, so that a writer that never rests does not hold its reader.
  for (int rounds = 0; rounds < 256; ++rounds) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size <= 0) return;
    into.append(buffer.data(), static_cast<std::size_t>(size));
    if (into.size() > first + 2 * last) into.erase(first, into.size() - first - last);
  }
}

}  // namespace

Result<WrkReport> parse_wrk(std::string_view output) {
  const auto lines = lines_of(output);
  auto report = Result<WrkReport>(not_wrk("found no line 'Thread Stats'"));
  std::size_t found = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    // A script may have left the line before it without an end.
    if (!lines[i].ends_with(kBlock)) continue;
    auto read = parse_block(Block(lines, i + 1));
    if (read) ++found;
    if (read || found == 0) report = std::move(read);
  }
  if (found > 1)
    return not_wrk(fmt::format("found {} summaries, of which a script printed some", found));
  if (!report) return report;
  report->connections = connections_of(lines);
  report->output = output.substr(output.size() - std::min(output.size(), kWordsBytes));
  return report;
}

std::string lua_error(std::string_view errors, const std::string& script) {
  const std::string whole = std::string(errors) + "\n";
  for (const auto line : lines_of(whole)) {
    // wrk's own forms: "SCRIPT: cause" where the script cannot be loaded, and Lua's where a call of
    // one of its functions fails, which also ends wrk.
    if (!script.empty() && line.starts_with(script + ": ")) {
      return std::string(line.substr(script.size() + 2));
    }
    if (line.starts_with("PANIC: ")) return std::string(line);
  }
  return {};
}

Result<std::string> wrk_version() {
  const auto ran = run_program({"wrk", "--version"}, std::chrono::seconds(10));
  if (!ran) return environment_error("found no wrk, the load generator; {}", kInstall);
  // "wrk debian/4.1.0-3+b2 [epoll] Copyright …", "wrk 4.2.0 [epoll] …"
  const std::string text = ran->output + ran->errors;
  const auto first = text.find_first_of("0123456789");
  const auto last = text.find_first_not_of("0123456789.", std::min(first, text.size()));
  const auto version = first == std::string::npos ? "" : text.substr(first, last - first);
  if (!text.starts_with("wrk ") || !version.starts_with("4.")) {
    return environment_error("expected wrk 4, found '{}'; {}", text.substr(0, text.find('\n')),
                             kInstall);
  }
  return version;
}

Result<WrkRun> WrkRun::start(const WrkOptions& options) {
  auto process = Process::start({.argv = to_argv(options),
                                 .environment = options.environment,
                                 .output = Output::kPipe,
                                 .errors = Output::kPipe,
                                 .own_process_group = true});
  if (!process) return environment_error("{}; {}", process.error().message, kInstall);
  return WrkRun(std::move(*process), options.script);
}

bool WrkRun::poll() {
  if (!status_) status_ = process_.poll();
  // After its end once more: what it printed last.
  drain(process_.output_fd(), output_, kOutputBytes, kOutputBytes);
  drain(process_.errors_fd(), errors_, kWordsBytes, 1);
  return status_.has_value();
}

Result<WrkReport> WrkRun::report() const {
  if (const auto cause = lua_error(errors_, script_); !cause.empty()) {
    return input_error("wrk's script: {}; without it wrk sends something else than is meant",
                       cause);
  }
  if (!status_ || !status_->ok()) {
    const auto first = errors_.substr(0, errors_.find('\n'));
    return environment_error("wrk: {}{}{}", status_ ? status_->describe() : "did not end",
                             first.empty() ? "" : ": ", first);
  }
  return parse_wrk(output_);
}

}  // namespace iris::load
