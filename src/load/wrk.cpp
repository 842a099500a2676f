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

// Lines of the output, taken by what they hold.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}

  // The words of the first line whose first words are `start`; empty when there is none.
  std::vector<std::string_view> words_after(std::string_view start) const {
    std::size_t at = 0;
    while (at < text_.size()) {
      const auto end = std::min(text_.find('\n', at), text_.size());
      auto line = text_.substr(at, end - at);
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
      if (line.starts_with(start)) return split(line.substr(start.size()));
      at = end + 1;
    }
    return {};
  }

  // The words of the first line that contains `part`.
  std::vector<std::string_view> words_with(std::string_view part) const {
    const auto found = text_.find(part);
    if (found == std::string_view::npos) return {};
    const auto before = text_.rfind('\n', found);
    const auto begin = before == std::string_view::npos ? 0 : before + 1;
    return split(text_.substr(begin, std::min(text_.find('\n', found), text_.size()) - begin));
  }

 private:
  static std::vector<std::string_view> split(std::string_view line) {
    std::vector<std::string_view> words;
    while (true) {
      const auto begin = line.find_first_not_of(" ,");
      if (begin == std::string_view::npos) return words;
      const auto end = std::min(line.find_first_of(" ,", begin), line.size());
      words.push_back(line.substr(begin, end - begin));
      line.remove_prefix(end);
    }
  }

  std::string_view text_;
};

tl::unexpected<Error> not_wrk(std::string_view what) {
  return environment_error("wrk's output: {}; expected that of wrk --latency, to its end", what);
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

Result<void> parse_latency(const Lines& lines, WrkReport::Latency& latency) {
  const auto summary = lines.words_after("Latency ");
  if (summary.size() < 3 || summary[0] == "Distribution") return not_wrk("found no line 'Latency'");
  std::optional<Error> error;
  store(read_time_us("mean latency", summary[0]), latency.mean_us, error);
  store(read_time_us("maximum latency", summary[2]), latency.max_us, error);
  const std::array<std::pair<std::string_view, std::int64_t*>, 4> quantiles = {
      {{"50%", &latency.p50_us},
       {"75%", &latency.p75_us},
       {"90%", &latency.p90_us},
       {"99%", &latency.p99_us}}};
  for (const auto& [name, into] : quantiles) {
    const auto words = lines.words_after(name);
    if (words.size() != 1) return not_wrk(fmt::format("found no latency at {}", name));
    store(read_time_us(fmt::format("latency at {}", name), words[0]), *into, error);
  }
  if (error) return tl::unexpected(*error);
  return {};
}

// "  Socket errors: connect 0, read 12, write 0, timeout 3"; the line is absent when all are 0.
Result<void> parse_errors(const Lines& lines, WrkReport& report) {
  std::optional<Error> error;
  auto& errors = report.socket_errors;
  const auto words = lines.words_after("Socket errors:");
  if (!words.empty()) {
    const std::array<std::pair<std::string_view, std::uint64_t*>, 4> kinds = {
        {{"connect", &errors.connect},
         {"read", &errors.read},
         {"write", &errors.write},
         {"timeout", &errors.timeout}}};
    if (words.size() != 2 * kinds.size()) return not_wrk("the line 'Socket errors' is cut off");
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      if (words[2 * i] != kinds[i].first) return not_wrk("the line 'Socket errors' is unknown");
      store(read_number<std::uint64_t>("a count of errors", words[2 * i + 1]), *kinds[i].second,
            error);
    }
  }
  const auto bad = lines.words_after("Non-2xx or 3xx responses:");
  if (!bad.empty()) {
    store(read_number<std::uint64_t>("the count of non-2xx answers", bad[0]), report.non_2xx,
          error);
  }
  if (error) return tl::unexpected(*error);
  return {};
}

// False at the end of the stream.
bool drain(int fd, std::string& into) {
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return false;
    if (into.size() < kOutputBytes) into.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

Result<WrkReport> parse_wrk(std::string_view output) {
  const Lines lines(output);
  if (lines.words_after("Running ").empty()) return not_wrk("found no line 'Running'");
  WrkReport report;
  // "  22464657 requests in 30.00s, 17.76GB read"
  const auto totals = lines.words_with(" requests in ");
  if (totals.size() < 4) return not_wrk("found no line '… requests in …'");
  std::optional<Error> error;
  store(read_number<std::uint64_t>("the count of requests", totals[0]), report.requests, error);
  std::int64_t duration_us = 0;
  store(read_time_us("the duration", totals[3]), duration_us, error);
  report.duration_s = static_cast<double>(duration_us) / 1e6;
  // The last but one line: with it, nothing that we need is cut off.
  const auto rate = lines.words_after("Requests/sec:");
  if (rate.empty()) return not_wrk("found no line 'Requests/sec'");
  store(read_number<double>("the rate of requests", rate[0]), report.requests_per_s, error);
  if (error) return tl::unexpected(*error);
  if (auto done = parse_latency(lines, report.latency); !done) return tl::unexpected(done.error());
  if (auto done = parse_errors(lines, report); !done) return tl::unexpected(done.error());
  return report;
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
                                 .output = Output::kPipe,
                                 .errors = Output::kPipe,
                                 .own_process_group = true});
  if (!process) return environment_error("{}; {}", process.error().message, kInstall);
  return WrkRun(std::move(*process));
}

bool WrkRun::poll() {
  if (!status_) status_ = process_.poll();
  // After its end once more: what it printed last.
  drain(process_.output_fd(), output_);
  drain(process_.errors_fd(), errors_);
  return status_.has_value();
}

Result<WrkReport> WrkRun::report() const {
  if (!status_ || !status_->ok()) {
    const auto first = errors_.substr(0, errors_.find('\n'));
    return environment_error("wrk: {}{}{}", status_ ? status_->describe() : "did not end",
                             first.empty() ? "" : ": ", first);
  }
  return parse_wrk(output_);
}

}  // namespace iris::load
