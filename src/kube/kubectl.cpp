#include "kube/kubectl.hpp"

#include <fmt/ranges.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>

#include "base/fd.hpp"
#include "base/subprocess.hpp"

namespace iris::kube {
namespace {

using Kind = KubectlAnswer::Kind;
using nlohmann::json;

constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr std::size_t kMessageBytes = 1000;
// kubectl is to give up first: then it says of what.
constexpr Nanoseconds kGrace = std::chrono::seconds(1);

// E1123 22:00:00.000000  123 memcache.go:265] couldn't get …
bool is_log_line(const std::string& line) {
  return line.size() > 5 && std::strchr("IWEF", line[0]) != nullptr &&
         std::all_of(line.begin() + 1, line.begin() + 5,
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

// A file without a name that holds the text, at its beginning.
Result<Fd> file_with(const std::string& text) {
  Fd file(::memfd_create("iris-kubectl-input", MFD_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0) {
    return environment_error("cannot hand text to kubectl: {}", std::strerror(errno));
  }
  return file;
}

// One call on its way.
class Exchange {
 public:
  Exchange(const std::string& program, const KubectlCall& call, SteadyTime now)
      : timeout_(call.timeout), deadline_(now + call.timeout + kGrace) {
    const auto seconds =
        std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(call.timeout).count());
    std::vector<std::string> argv = {program, fmt::format("--request-timeout={}s", seconds)};
    argv.insert(argv.end(), call.arguments.begin(), call.arguments.end());
    // The input is read by the child from its own copy of the descriptor.
    const auto input = file_with(call.input);
    if (!input) {
      fail(Kind::kRefused, input.error().message);
      return;
    }
    auto process = Process::start({.argv = argv,
                                   .input = input->get(),
                                   .output = Output::kPipe,
                                   .errors = Output::kPipe,
                                   .own_process_group = true});
    if (process) {
      process_.emplace(std::move(*process));
    } else {
      fail(Kind::kMissing, process.error().message);
    }
  }

  bool done() const { return done_; }
  const Process& process() const { return *process_; }
  SteadyTime deadline() const { return deadline_; }
  bool output_open() const { return output_open_; }
  bool errors_open() const { return errors_open_; }
  KubectlAnswer take() { return std::move(answer_); }

  void step(SteadyTime now) {
    if (done_) return;
    if (output_open_) output_open_ = drain(process_->output_fd(), answer_.output);
    if (errors_open_) errors_open_ = drain(process_->errors_fd(), errors_);
    if (!output_open_ && !errors_open_) {
      // It has closed both, so it is about to end.
      if (const auto status = process_->wait(std::chrono::seconds(1))) return ended(*status);
    }
    if (now >= deadline_) {
      fail(Kind::kUnreachable, fmt::format("no answer within {:.0f} s", to_seconds(timeout_)));
    }
  }

  void fail(Kind kind, std::string message) {
    answer_ = {kind, "", std::move(message)};
    process_.reset();  // kills it
    done_ = true;
  }

 private:
  // Reads all that is there now; false at the end of the stream.
  static bool drain(int fd, std::string& into) {
    std::array<char, 16 * 1024> buffer{};
    while (true) {
      const ssize_t size = ::read(fd, buffer.data(), buffer.size());
      if (size < 0) return errno == EAGAIN || errno == EINTR;
      if (size == 0) return false;
      const std::size_t room = kMostBytes - std::min(kMostBytes, into.size());
      into.append(buffer.data(), std::min(room, static_cast<std::size_t>(size)));
    }
  }

  void ended(const ExitStatus& status) {
    done_ = true;
    process_.reset();
    if (status.ok() && answer_.output.size() < kMostBytes) return;
    if (status.ok()) {
      answer_ = {Kind::kRefused, "",
                 fmt::format("the answer is larger than {} MiB", kMostBytes >> 20)};
      return;
    }
    answer_.kind = classify(errors_);
    answer_.message = one_line(errors_);
    if (answer_.message.empty()) answer_.message = status.describe();
  }

  Nanoseconds timeout_;
  SteadyTime deadline_;
  std::optional<Process> process_;
  KubectlAnswer answer_;
  std::string errors_;
  bool output_open_ = true;
  bool errors_open_ = true;
  bool done_ = false;
};

// Until one of them has something to say, the interrupt comes, or the first deadline.
void await(const std::vector<Exchange>& exchanges, const Interrupt* interrupt, SteadyTime now) {
  std::vector<pollfd> entries;
  if (interrupt != nullptr) entries.push_back({interrupt->fd(), POLLIN, 0});
  auto first = SteadyTime::max();
  for (const auto& exchange : exchanges) {
    if (exchange.done()) continue;
    const auto& process = exchange.process();
    if (exchange.output_open()) entries.push_back({process.output_fd(), POLLIN, 0});
    if (exchange.errors_open()) entries.push_back({process.errors_fd(), POLLIN, 0});
    first = std::min(first, exchange.deadline());
  }
  const auto left = std::max(first - now, Nanoseconds{0});
  const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  ::poll(entries.data(), entries.size(), static_cast<int>(std::min<long>(left_ms, 60'000)));
}

}  // namespace

tl::unexpected<Error> KubectlAnswer::error(const std::string& what) const {
  return environment_error("{}: {}", what, message);
}

Kind classify(const std::string& errors) {
  const auto has = [&](const char* part) { return errors.find(part) != std::string::npos; };
  if (has("(NotFound)") || has("could not find the requested resource") ||
      has("doesn't have a resource type") || has("no matches for kind")) {
    return Kind::kNotFound;
  }
  if (has("(Forbidden)") || has("forbidden:")) return Kind::kForbidden;
  if (has("(Unauthorized)") || has("You must be logged in")) return Kind::kUnauthorized;
  if (has("Unable to connect to the server") || has("The connection to the server") ||
      has("connection refused") || has("context deadline exceeded") || has("i/o timeout") ||
      has("Client.Timeout exceeded") || has("(ServiceUnavailable)") || has("(Timeout)") ||
      has("connection reset by peer") || has(": EOF") || has("unexpected EOF") ||
      has("the server is currently unable to handle the request")) {
    return Kind::kUnreachable;
  }
  return Kind::kRefused;
}

std::string one_line(const std::string& errors) {
  std::vector<std::string> lines;
  std::istringstream text(errors);
  for (std::string line; std::getline(text, line);) {
    const auto last = line.find_last_not_of(" \t\r");
    if (last == std::string::npos || is_log_line(line) || line.starts_with("Warning:")) continue;
    line.resize(last + 1);
    lines.push_back(line.starts_with("error: ") ? line.substr(7) : line);
  }
  auto message = fmt::format("{}", fmt::join(lines, "; "));
  if (message.size() > kMessageBytes) message = message.substr(0, kMessageBytes) + " …";
  return message;
}

KubectlAnswer Kubectl::run(const KubectlCall& call) const {
  return std::move(run_all({call}).front());
}

std::vector<KubectlAnswer> Kubectl::run_all(const std::vector<KubectlCall>& calls) const {
  const SystemClock clock;
  std::vector<Exchange> exchanges;
  exchanges.reserve(calls.size());
  for (const auto& call : calls) exchanges.emplace_back(program_, call, clock.steady());
  const auto open = [](const Exchange& exchange) { return !exchange.done(); };
  while (std::any_of(exchanges.begin(), exchanges.end(), open)) {
    await(exchanges, interrupt_, clock.steady());
    const bool interrupted = interrupt_ != nullptr && interrupt_->requested();
    for (auto& exchange : exchanges) {
      exchange.step(clock.steady());
      if (interrupted && open(exchange)) exchange.fail(Kind::kInterrupted, "interrupted");
    }
  }
  std::vector<KubectlAnswer> answers;
  for (auto& exchange : exchanges) answers.push_back(exchange.take());
  return answers;
}

KubectlAnswer Kubectl::read(const KubectlCall& call, std::vector<json>& values) const {
  auto answer = run(call);
  if (!answer.ok()) return answer;
  auto parsed = parse_values(answer.output);
  if (parsed) {
    values = std::move(*parsed);
  } else {
    answer.kind = Kind::kRefused;
    answer.message = parsed.error().message;
  }
  return answer;
}

Result<std::vector<json>> parse_values(const std::string& text) {
  std::vector<json> values;
  std::istringstream stream(text);
  try {
    while ((stream >> std::ws) && stream.peek() != std::istringstream::traits_type::eof()) {
      json value;
      stream >> value;
      values.push_back(std::move(value));
    }
  } catch (const json::exception&) {
    return environment_error("kubectl printed what is not JSON: '{}'", text.substr(0, 60));
  }
  if (values.empty()) return environment_error("kubectl printed nothing, expected JSON");
  return values;
}

}  // namespace iris::kube
