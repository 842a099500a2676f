#include <array>
#include <charconv>
#include <span>

#include "load/wrk.hpp"

namespace iris::load {
namespace {

using std::chrono::seconds;

struct Multiple {
  std::string_view suffix;
  std::int64_t factor;
};
constexpr std::array<Multiple, 4> kCounts = {
    {{"", 1}, {"k", 1'000}, {"M", 1'000'000}, {"G", 1'000'000'000}}};
constexpr std::array<Multiple, 4> kDurations = {{{"", 1}, {"s", 1}, {"m", 60}, {"h", 3'600}}};

Result<std::int64_t> read_scaled(std::string_view flag, std::string_view text,
                                 std::span<const Multiple> units, std::int64_t most) {
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& unit : units) {
    if (code != std::errc() || suffix != unit.suffix) continue;
    if (number < 1 || number > most / unit.factor) break;
    return number * unit.factor;
  }
  return input_error("wrk {}: expected a whole number from 1 to {}, found '{}'", flag, most, text);
}

struct Flag {
  char letter;
  std::string_view name;
  bool has_value;
};
constexpr std::array<Flag, 7> kFlags = {{{'c', "connections", true},
                                         {'d', "duration", true},
                                         {'t', "threads", true},
                                         {'s', "script", true},
                                         {'H', "header", true},
                                         {'T', "timeout", true},
                                         {'L', "latency", false}}};

const Flag* find_flag(std::string_view argument) {
  for (const auto& flag : kFlags) {
    const bool is_long = argument.starts_with("--");
    const auto name = argument.substr(2, argument.find('=') - 2);
    if (is_long ? name == flag.name : argument[1] == flag.letter) return &flag;
  }
  return nullptr;
}

Result<void> set(WrkOptions& options, const Flag& flag, const std::string& value) {
  constexpr std::int64_t kMostConnections = 1'000'000;
  constexpr std::int64_t kMostSeconds = 86'400;
  const auto number = [&](auto units, std::int64_t most) {
    return read_scaled("--" + std::string(flag.name), value, units, most);
  };
  Result<std::int64_t> read = 0;
  switch (flag.letter) {
    case 'c':
      if ((read = number(std::span(kCounts), kMostConnections))) options.connections = *read;
      break;
    case 't':
      if ((read = number(std::span(kCounts), 1'024))) options.threads = *read;
      break;
    case 'd':
      if ((read = number(std::span(kDurations), kMostSeconds))) options.duration = seconds(*read);
      break;
    case 'T':
      if ((read = number(std::span(kDurations), kMostSeconds))) options.timeout = seconds(*read);
      break;
    case 's':
      options.script = value;
      break;
    case 'H':
      options.headers.push_back(value);
      break;
    default:
      break;
  }
  if (!read) return tl::unexpected(read.error());
  return {};
}

}  // namespace

Result<WrkOptions> read_wrk_arguments(const std::vector<std::string>& argv) {
  if (argv.empty() || argv[0].substr(argv[0].rfind('/') + 1) != "wrk") {
    return input_error("expected the command wrk and its arguments, found '{}'",
                       argv.empty() ? "" : argv[0]);
  }
  WrkOptions options;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const auto& argument = argv[i];
    if (argument == "--") {
      // The URL may stand after it; what follows the URL is the script's.
      options.script_arguments.assign(argv.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                      argv.end());
      if (options.url.empty() && !options.script_arguments.empty()) {
        options.url = options.script_arguments.front();
        options.script_arguments.erase(options.script_arguments.begin());
      }
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      if (!options.url.empty()) return input_error("wrk: found a second URL, '{}'", argument);
      options.url = argument;
      continue;
    }
    const Flag* flag = find_flag(argument);
    if (flag == nullptr) {
      return input_error(
          "wrk: '{}' is not an argument that iris knows; it knows -c -d -t -s -H "
          "--timeout --latency",
          argument);
    }
    std::string value;
    if (flag->has_value) {
      const bool is_long = argument.starts_with("--");
      const auto equals = argument.find('=');
      const bool attached = is_long ? equals != std::string::npos : argument.size() > 2;
      if (!attached && i + 1 == argv.size()) {
        return input_error("wrk {}: found no value after it", argument);
      }
      value = !attached ? argv[++i] : argument.substr(is_long ? equals + 1 : 2);
    }
    if (auto done = set(options, *flag, value); !done) return tl::unexpected(done.error());
  }
  if (!options.url.starts_with("http://")) {
    return input_error("wrk: expected a URL that begins with http://, found '{}'", options.url);
  }
  if (options.connections < options.threads) {
    return input_error("wrk: expected at least as many connections as threads, found {} and {}",
                       options.connections, options.threads);
  }
  return options;
}

std::vector<std::string> to_argv(const WrkOptions& options) {
  const auto whole_seconds = [](Nanoseconds duration) {
    return fmt::format("{}s", std::chrono::ceil<seconds>(duration).count());
  };
  std::vector<std::string> argv = {"wrk", fmt::format("-t{}", options.threads),
                                   fmt::format("-c{}", options.connections),
                                   "-d" + whole_seconds(options.duration), "--latency"};
  if (options.timeout) argv.insert(argv.end(), {"--timeout", whole_seconds(*options.timeout)});
  for (const auto& header : options.headers) argv.insert(argv.end(), {"-H", header});
  if (!options.script.empty()) argv.insert(argv.end(), {"-s", options.script});
  argv.push_back(options.url);
  if (!options.script_arguments.empty()) {
    argv.push_back("--");
    argv.insert(argv.end(), options.script_arguments.begin(), options.script_arguments.end());
  }
  return argv;
}

}  // namespace iris::load
