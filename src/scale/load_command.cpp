#include "scale/load_command.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "scale/shell_words.hpp"

namespace iris::scale {
namespace {

// Stands for the `$` of a reference that nothing here resolves, so that it can be told from a `$`
// that was meant as one. No manifest holds it: YAML has no such character.
constexpr char kOpen = '\x01';

using Variables = std::map<std::string, std::string>;

// $(NAME) as the kubelet has it: `$$` is a `$`, and what is not known stays as it is.
std::string expanded(std::string_view text, const Variables& variables) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    const auto close = text[i] == '$' && next == '(' ? text.find(')', i) : text.npos;
    if (text[i] == '$' && next == '$') {
      out += '$';
      ++i;
    } else if (close == text.npos) {
      out += text[i];
    } else {
      const std::string name(text.substr(i + 2, close - i - 2));
      const auto found = variables.find(name);
      out += found == variables.end() ? kOpen + ("(" + name + ")") : found->second;
      i = close;
    }
  }
  return out;
}

std::string with_dollars(std::string text) {
  std::replace(text.begin(), text.end(), kOpen, '$');
  return text;
}

// As text that the kubelet expands to the same.
std::string for_manifest(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '$' ? std::string("$$") : std::string(1, c == kOpen ? '$' : c);
  return out;
}

struct Environment {
  Variables known;
  Variables elsewhere;  // name of a variable, and where its value is
  std::string sources;  // envFrom that may hold any name, as they are called
};

Environment environment_of(const kube::Container& container, const kube::ConfigMap& at_hand) {
  Environment environment;
  for (const auto& source : container.env_from) {
    if (source.kind == "ConfigMap" && source.name == at_hand.metadata.name) {
      for (const auto& [key, value] : at_hand.data) environment.known[source.prefix + key] = value;
    } else {
      environment.sources += fmt::format("{}{} '{}'", environment.sources.empty() ? "" : ", ",
                                         source.kind, source.name);
    }
  }
  for (const auto& variable : container.env) {
    if (variable.elsewhere) {
      environment.elsewhere[variable.name] = "valueFrom";
      environment.known.erase(variable.name);
    } else {
      environment.known[variable.name] = with_dollars(expanded(variable.value, environment.known));
    }
  }
  return environment;
}

bool is_shell(std::string_view program) {
  const auto name = program.substr(program.rfind('/') + 1);
  return name == "sh" || name == "bash" || name == "ash" || name == "dash";
}

// "-c", "-ec": options of which the last takes the command line.
bool takes_command(std::string_view option) {
  return option.size() >= 2 && option.front() == '-' && option.back() == 'c' &&
         option.find_first_not_of("eluxc", 1) == option.npos;
}

// The words of wrk's command line; none when it takes a shell to know them.
std::optional<std::vector<std::string>> words_of(const kube::Container& container,
                                                 const Variables& variables) {
  std::vector<std::string> words;
  for (const auto* part : {&container.command, &container.args}) {
    for (const auto& word : *part) words.push_back(expanded(word, variables));
  }
  // An image whose own program is wrk.
  if (container.command.empty() && !words.empty() && words.front().starts_with("-")) {
    words.insert(words.begin(), "wrk");
  }
  if (words.size() < 3 || !is_shell(words[0]) || !takes_command(words[1])) return words;
  return shell_words(words[2], variables);
}

LoadCommand read_container(const kube::PodSpec& pod, std::size_t index,
                           const Environment& environment, const std::string& place) {
  const auto& container = pod.containers[index];
  LoadCommand command;
  command.container = index;
  command.job_argv = container.command;
  command.job_argv.insert(command.job_argv.end(), container.args.begin(), container.args.end());
  const auto where = fmt::format("{}: spec.template.spec.containers[{}]", place, index);
  const auto words = words_of(container, environment.known);
  if (!words) {
    command.unreadable = Error{
        ExitCode::kInput,
        fmt::format("{}: found a shell's command line that is not one wrk alone, '{}'; expected "
                    "wrk and its arguments",
                    where, command.job_argv.back())};
    return command;
  }
  auto wrk = load::read_wrk_arguments(*words);
  if (wrk) {
    command.wrk = std::move(*wrk);
  } else {
    const auto& sources = environment.sources;
    const bool open = wrk.error().message.find(kOpen) != std::string::npos;
    command.unreadable =
        Error{wrk.error().code,
              fmt::format("{}: {}{}{}", where, with_dollars(wrk.error().message),
                          open && !sources.empty() ? "; envFrom has values of the " : "",
                          open ? sources : "")};
  }
  return command;
}

// The first reference in a part that matters without a cluster, where the URL's host is replaced.
std::string needed_reference(const load::WrkOptions& wrk) {
  const auto path = wrk.url.find('/', std::string_view("http://").size());
  std::vector<std::string> parts = wrk.headers;
  parts.insert(parts.end(), wrk.script_arguments.begin(), wrk.script_arguments.end());
  parts.push_back(wrk.script);
  if (path != std::string::npos) parts.push_back(wrk.url.substr(path));
  for (const auto& part : parts) {
    if (const auto at = part.find(kOpen); at != std::string::npos) {
      return part.substr(at + 2, part.find(')', at) - at - 2);
    }
  }
  return {};
}

std::string only_on_cluster(const LoadCommand& command, const Environment& environment,
                            const std::string& place) {
  const auto name = needed_reference(command.wrk);
  const auto found = environment.elsewhere.find(name);
  if (name.empty()) return {};
  const auto where = fmt::format("{}: spec.template.spec.containers[{}]", place, command.container);
  if (found != environment.elsewhere.end()) {
    return fmt::format(
        "{}: $({}) comes from {}, which only a cluster has; give it a value under env", where, name,
        found->second);
  }
  if (environment.sources.empty()) return {};  // it stays as it is, on a cluster as well
  return fmt::format(
      "{}: $({}) may come from envFrom ({}), which only a cluster has; give it a "
      "value under env",
      where, name, environment.sources);
}

void restore_dollars(load::WrkOptions& wrk) {
  for (auto& header : wrk.headers) header = with_dollars(header);
  for (auto& argument : wrk.script_arguments) argument = with_dollars(argument);
  wrk.script = with_dollars(wrk.script);
  wrk.url = with_dollars(wrk.url);
}

}  // namespace

std::vector<std::string> LoadCommand::manifest_argv(Nanoseconds duration) const {
  auto options = as_read;
  options.duration = duration;
  auto argv = load::to_argv(options);
  for (auto& word : argv) word = for_manifest(word);
  return argv;
}

LoadCommand read_load_command(const kube::PodSpec& pod, const kube::ConfigMap& known,
                              const std::string& place) {
  LoadCommand first;
  for (std::size_t i = 0; i < pod.containers.size(); ++i) {
    const auto& container = pod.containers[i];
    const auto environment = environment_of(container, known);
    auto command = read_container(pod, i, environment, place);
    if (!command.unreadable) {
      command.only_on_cluster = only_on_cluster(command, environment, place);
      command.as_read = command.wrk;
      restore_dollars(command.wrk);
      command.wrk.environment.assign(environment.known.begin(), environment.known.end());
      command.elsewhere = environment.sources;
      return command;
    }
    // Of several that cannot be read, the one that is called so.
    const bool named = container.name.find("wrk") != std::string::npos ||
                       container.image.find("wrk") != std::string::npos ||
                       container.image.find("loadtest") != std::string::npos;
    if (i == 0 ||
        (named && pod.containers[first.container].name.find("wrk") == std::string::npos)) {
      first = std::move(command);
    }
  }
  return first;
}

}  // namespace iris::scale
