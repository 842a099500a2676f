// The program's entry: the table of commands, their help, and one exit status for each outcome.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/visible.hpp"
#include "cli/commands.hpp"

namespace iris::cli {
namespace {

std::vector<Command> all_commands() {
#ifdef IRIS_SERVING_ONLY
  return {inspect_command(), serve_command(), version_command()};
#else
  return {
      check_command(), train_command(),  evaluate_command(), predict_command(), inspect_command(),
      serve_command(), scale_command(),  hpa_command(),      report_command(),  pull_command(),
      push_command(),  doctor_command(), version_command(),
  };
#endif
}

// Edit distance (Levenshtein), for did-you-mean.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

// Of several lines those after the first are indented, so that none of them, which may come from a
// file that was read, looks like a line of ours.
std::string shown_message(const std::string& message) {
  std::string shown;
  bool line_begins = false;
  for (const char c : visible_lines(message)) {
    if (line_begins && c != ' ') shown += "  ";
    line_begins = c == '\n';
    shown += c;
  }
  return shown;
}

int unknown_command(std::string_view name, const std::vector<Command>& commands) {
  fmt::print(stderr, "iris: '{}' is not a command", visible(name));
  const auto nearest = std::min_element(commands.begin(), commands.end(), [&](auto& a, auto& b) {
    return distance(name, a.name) < distance(name, b.name);
  });
  if (distance(name, nearest->name) <= 2) fmt::print(stderr, "; did you mean '{}'?", nearest->name);
  fmt::print(stderr, "\nTry 'iris --help'.\n");
  return static_cast<int>(ExitCode::kInput);
}

int run(int argc, char** argv) {
  const auto commands = all_commands();
  CLI::App app{"From a table to a service proven under load.", "iris"};
  app.set_version_flag("--version", std::string("iris ") + IRIS_VERSION);
  app.footer(
      "Exit status: 0 done; 1 a gate said no; 2 wrong use or bad input; 3 the machine lacks\n"
      "something; 130 interrupted. 'iris COMMAND --help' shows a command's flags and an example.");
  app.require_subcommand(1);
  bool quiet = false;

  // A command that is named is the only one whose flags are needed: a server should start at once.
  const std::string_view name = argc > 1 && argv[1][0] != '-' ? argv[1] : "";
  const auto named =
      std::find_if(commands.begin(), commands.end(), [&](auto& c) { return c.name == name; });
  if (!name.empty() && named == commands.end()) return unknown_command(name, commands);

  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const auto& command : commands) {
    if (named != commands.end() && command.name != name) continue;
    CLI::App* subcommand = app.add_subcommand(command.name, command.summary);
    subcommand->footer(std::string("Example:\n  ") + command.example);
    subcommand->add_flag("-q,--quiet", quiet, "No progress on standard error");
    actions.emplace_back(subcommand, command.define(*subcommand));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream help;
    std::ostringstream complaint;
    const bool fine = app.exit(error, help, complaint) == 0;
    fmt::print("{}", help.str());
    fmt::print(stderr, "{}", visible_lines(complaint.str()));
    return fine ? 0 : static_cast<int>(ExitCode::kInput);
  }

  const SystemClock clock;
  Log log;
  log.set_quiet(quiet);
  Context context{clock, log};
  for (const auto& [subcommand, action] : actions) {
    if (!subcommand->parsed()) continue;
    const auto outcome = action(context);
    if (outcome) return static_cast<int>(*outcome);
    log.print(
        fmt::format("iris {}: {}", subcommand->get_name(), shown_message(outcome.error().message)));
    return static_cast<int>(outcome.error().code);
  }
  return static_cast<int>(ExitCode::kInput);
}

}  // namespace
}  // namespace iris::cli

int main(int argc, char** argv) {
  // A reader that went away shows as an error of write, not as our death.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return iris::cli::run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("iris: out of memory; raise the memory limit (ulimit -v, the control group's)\n",
               stderr);
    return static_cast<int>(iris::ExitCode::kEnvironment);
  } catch (const std::system_error& error) {
    // No threads, descriptors or the like are left.
    std::fprintf(stderr, "iris: %s; raise the limit (ulimit -u, ulimit -n, pids.max)\n",
                 error.what());
    return static_cast<int>(iris::ExitCode::kEnvironment);
  } catch (const std::exception& error) {
    // Only a bug gets here: what is expected to fail returns a Result.
    std::fprintf(stderr, "iris: internal error: %s\n", iris::visible(error.what()).c_str());
    return 70;
  }
}
