// iris serve: a model behind HTTP.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "base/cgroup_limits.hpp"
#include "cli/arguments.hpp"
#include "cli/commands.hpp"
#include "cli/overwriting.hpp"
#include "http/listen.hpp"
#include "serve/service.hpp"

namespace iris::cli {
namespace {

// Descriptors that are not clients': listeners, loops, the model, the log.
constexpr std::size_t kOwnDescriptors = 256;

// What a connection may take of a memory limit, the kernel's part included: some 6 kB of ours and 6
// kB of the kernel's with a head of a few kB that does not end; within TLS also the session's
// buffers of a record each way.
constexpr std::size_t kConnectionBytes = std::size_t{16} << 10;
constexpr std::size_t kTlsConnectionBytes = std::size_t{64} << 10;

// Half of the memory is for connections, and a quarter for what they hold above that.
void fit_into_memory(serve::ServiceOptions& options) {
  const auto memory = memory_limit();
  if (!memory) return;
  const bool tls = !options.credentials.tls_certificate.empty();
  auto& http = options.http;
  http.max_connections = std::clamp<std::size_t>(
      *memory / 2 / (tls ? kTlsConnectionBytes : kConnectionBytes), 1, http.max_connections);
  http.max_held_bytes = std::clamp<std::size_t>(*memory / 4, 1, http.max_held_bytes);
}

constexpr const char* kModelVariable = "MODEL_PATH";
constexpr const char* kPortVariable = "PORT";

// Flags as given; durations as text ("30s") until they are checked.
struct ServeFlags {
  std::string model = "models/model.onnx";
  std::string port = "8080";
  std::string argument;  // the model, instead of --model
  serve::ServiceOptions service;
  std::optional<std::size_t> threads;
  std::optional<std::size_t> max_connections;
  std::optional<std::size_t> max_held;
  std::string read_timeout = "10s";
  std::string write_timeout = "10s";
  std::string idle_timeout = "620s";
  std::string max_connection_age = "300s";
  std::string drain_delay = "0s";
  std::string drain_idle_timeout = "10s";
  std::string drain_timeout = "25s";
  std::string max_queueing_time = "1s";
};

// Gives back the option that names the model.
const CLI::Option* define_flags(CLI::App& app, ServeFlags& flags) {
  auto& service = flags.service;
  auto& http = service.http;
  app.add_option("MODEL", flags.argument, "The model, as --model");
  const CLI::Option* model = app.add_option("--model", flags.model, "The model, ONNX")
                                 ->envname(kModelVariable)
                                 ->capture_default_str();
  app.add_option("--host", service.host, "Address to listen on")->capture_default_str();
  // Text, because a message must tell where it comes from.
  app.add_option("--port", flags.port, "Port (0: any free one)")
      ->envname(kPortVariable)
      ->type_name("UINT")
      ->capture_default_str();
  app.add_option("--admin-host", service.admin_host, "Address of the admin port")
      ->capture_default_str();
  app.add_option("--admin-port", service.admin_port, "Port of /metrics (0: any free one)")
      ->capture_default_str();
  app.add_flag("--ipv6-only", service.ipv6_only,
               "Where '::' is listened on: IPv6 alone, and not IPv4 as well");
  auto& credentials = service.credentials;
  app.add_option("--token-file", credentials.token,
                 "Ask for the bearer token in this file, except for health");
  app.add_option("--admin-token-file", credentials.admin_token,
                 "The same for the admin port, another token");
  auto* certificate = app.add_option("--tls-cert", credentials.tls_certificate,
                                     "Speak TLS on both ports, with this certificate chain (PEM)");
  auto* key = app.add_option("--tls-key", credentials.tls_key, "The certificate's key (PEM)");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--threads", flags.threads, "Threads (default: the CPU limit, rounded up)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--max-body", http.limits.body_bytes, "Bytes of a request's body")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 30))
      ->capture_default_str();
  app.add_option("--max-head", http.limits.header_bytes,
                 "Bytes of a request's head: request line and fields")
      ->check(CLI::Range(std::size_t{1024}, std::size_t{1} << 20))
      ->capture_default_str();
  app.add_option("--max-connections", flags.max_connections,
                 "Open connections; more get 429, but for health (default: from the limits on "
                 "descriptors and memory)")
      ->check(CLI::PositiveNumber);
  app.add_option("--max-queueing-time", flags.max_queueing_time,
                 "How long a prediction may wait for its turn; one that waited longer gets 429 "
                 "(0s: no bound)")
      ->capture_default_str();
  app.add_option("--max-in-flight", http.max_waiting,
                 "Requests that may wait for their turn; with more, predictions get 429 (0: no "
                 "bound)")
      ->capture_default_str();
  app.add_option("--max-held", flags.max_held,
                 "Bytes of requests partly read and of answers not yet taken, together (default: "
                 "67108864, or a quarter of the memory limit if that is less)")
      ->check(CLI::PositiveNumber);
  app.add_option("--max-requests-per-connection", http.max_requests_per_connection,
                 "Requests before a connection is closed (0: no bound)")
      ->capture_default_str();
  app.add_option("--max-connection-age", flags.max_connection_age,
                 "Age from which the next answer is a connection's last, so that clients move "
                 "over to new replicas")
      ->capture_default_str();
  app.add_option("--max-connection-age-jitter", http.max_connection_age_jitter,
                 "Fraction by which each connection's age varies, so that not all move at once")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--read-timeout", flags.read_timeout, "From a request's first byte to its last")
      ->capture_default_str();
  app.add_option("--write-timeout", flags.write_timeout, "Without the client taking a byte")
      ->capture_default_str();
  app.add_option("--idle-timeout", flags.idle_timeout, "Without a request")->capture_default_str();
  app.add_option("--access-log", service.access_log,
                 "File that gets a line of JSON for each request; - for standard output");
  app.add_option("--access-log-share", service.access_log_share,
                 "Of the requests, so many get a line: 0.01 for one in a hundred")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--drain-delay", flags.drain_delay,
                 "From SIGTERM, which fails readiness at once, to the drain")
      ->capture_default_str();
  app.add_option("--drain-idle-timeout", flags.drain_idle_timeout,
                 "How long a drain waits for the next request on an idle connection, within half "
                 "of --drain-timeout")
      ->capture_default_str();
  app.add_option("--drain-timeout", flags.drain_timeout,
                 "From the beginning of the drain to the end at the latest")
      ->capture_default_str();
  return model;
}

// Whether a value that is `text` is the variable's. One that is given as a flag, too, counts as
// such.
bool is_from(const char* variable, const std::string& text) {
  const char* const value = std::getenv(variable);
  return value != nullptr && value == text;
}

Result<void> read_port(const std::string& text, std::uint16_t& port) {
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, port);
  if (read.ec == std::errc() && read.ptr == end) return {};
  if (!is_from(kPortVariable, text)) {
    return input_error("--port: expected a port from 0 to 65535, got '{}'", text);
  }
  const bool is_link = text.find("://") != std::string::npos;
  return input_error(
      "the environment's {}: expected a port from 0 to 65535, got '{}'{}", kPortVariable, text,
      is_link ? ", which is how Kubernetes tells Pods of a Service (NAME_PORT): give "
                "--port, or set enableServiceLinks: false in the Pod's spec"
              : "");
}

// What is wrong with the model, with the variable that named it.
tl::unexpected<Error> model_error(const ServeFlags& flags, Error error) {
  if (is_from(kModelVariable, flags.model)) {
    error.message = fmt::format("the environment's {}: {}", kModelVariable, error.message);
  }
  return tl::unexpected(std::move(error));
}

Result<void> read_duration(const char* flag, const std::string& text, Nanoseconds& duration,
                           bool may_be_zero) {
  const auto value = parse_duration(text);
  if (!value) return input_error("{}: {}", flag, value.error().message);
  if (value->count() <= 0 && !may_be_zero)
    return input_error("{}: expected more than 0, got {}", flag, text);
  duration = *value;
  return {};
}

Result<void> read_durations(const ServeFlags& flags, serve::ServiceOptions& service) {
  auto& http = service.http;
  const struct {
    const char* flag;
    const std::string& text;
    Nanoseconds& duration;
    bool may_be_zero = false;
  } durations[] = {
      {"--read-timeout", flags.read_timeout, http.read_timeout},
      {"--write-timeout", flags.write_timeout, http.write_timeout},
      {"--idle-timeout", flags.idle_timeout, http.idle_timeout},
      {"--max-connection-age", flags.max_connection_age, http.max_connection_age},
      {"--max-queueing-time", flags.max_queueing_time, http.max_queueing_time, true},
      {"--drain-delay", flags.drain_delay, service.drain_delay, true},
      {"--drain-idle-timeout", flags.drain_idle_timeout, http.drain_idle_timeout, true},
      {"--drain-timeout", flags.drain_timeout, service.drain_timeout},
  };
  for (const auto& entry : durations) {
    auto read = read_duration(entry.flag, entry.text, entry.duration, entry.may_be_zero);
    if (!read) return read;
  }
  return {};
}

// The last line that it logs.
void log_ending(const serve::Ending& ending, Log& log) {
  if (ending.cut == 0 && ending.late == 0) {
    return log.info("ended; every request was answered, {} in all", ending.answered);
  }
  auto line = fmt::format("ended; {} requests were answered", ending.answered);
  if (ending.cut > 0) line += fmt::format("; {} requests got no answer in time", ending.cut);
  if (ending.late > 0) {
    line += fmt::format("; {} arrived after their connection was closed and got no answer",
                        ending.late);
  }
  log.warn("{}", line);
}

Result<ExitCode> serve_model(const ServeFlags& flags, Context& context) {
  serve::ServiceOptions options = flags.service;
  if (auto read = read_port(flags.port, options.port); !read) return tl::unexpected(read.error());
  if (auto read = read_durations(flags, options); !read) return tl::unexpected(read.error());
  const auto& secrets = options.credentials;
  const std::string log_path = options.access_log == "-" ? "" : options.access_log;
  if (auto ok = refuse_overwriting({{"--access-log", log_path}},
                                   {{"--model", flags.model},
                                    {"--token-file", secrets.token},
                                    {"--admin-token-file", secrets.admin_token},
                                    {"--tls-cert", secrets.tls_certificate},
                                    {"--tls-key", secrets.tls_key}});
      !ok) {
    return tl::unexpected(ok.error());
  }
  options.version = IRIS_VERSION;
  // Not asked for nothing: a machine with containers has a long list of mounts to read.
  options.threads = flags.threads ? *flags.threads : usable_cpus();
  const std::size_t descriptors = http::raise_descriptor_limit();
  const std::size_t own = kOwnDescriptors + (options.threads + 1) * http::Server::kReserve;
  const std::size_t room = descriptors > 2 * own ? descriptors - own : descriptors / 2;
  options.http.max_connections = room;
  if (!flags.max_connections || !flags.max_held) fit_into_memory(options);
  options.http.max_connections = flags.max_connections.value_or(options.http.max_connections);
  options.http.max_held_bytes = flags.max_held.value_or(options.http.max_held_bytes);
  if (options.http.max_connections > room) {
    context.log.warn("--max-connections {}: the limit on descriptors, {}, has room for {}",
                     options.http.max_connections, descriptors, room);
    options.http.max_connections = room;
  }

  options.model_path = flags.model;
  auto file = serve::read_model_file(flags.model, context.clock);
  if (!file) return model_error(flags, file.error());
  auto model = serve::load_served_model(*file, context.clock);
  if (!model) return model_error(flags, model.error());
  *file = {};
  auto service = serve::Service::open(options, std::move(*model), context.clock, context.log);
  if (!service) return tl::unexpected(service.error());
  const auto* scheme = options.credentials.tls_certificate.empty() ? "http" : "https";
  // The threads that answer come first, where there is room for few.
  if (auto started = (*service)->start(); !started) return tl::unexpected(started.error());
  const auto log_thread = context.log.start_thread();
  context.log.info("serving {} on {}://{}, admin {}://{}, {} thread{}", flags.model, scheme,
                   (*service)->address(), scheme, (*service)->admin_address(), options.threads,
                   options.threads == 1 ? "" : "s");
  if (!log_thread) {
    context.log.warn("log lines that nothing reads at once are dropped: {}",
                     log_thread.error().message);
  }
  const serve::Ending ending = (*service)->run();
  log_ending(ending, context.log);
  if (ending.stuck) {
    context.log.warn("{}: reading it does not come to an end; leaving it", flags.model);
    context.log.flush();
    std::_Exit(static_cast<int>(ExitCode::kDone));
  }
  return ExitCode::kDone;
}

}  // namespace

Command serve_command() {
  return {"serve", "Serve a model over HTTP",
          "iris serve --model models/model.onnx --port 8080\n"
          "  curl -H 'Content-Type: application/json' -d '{\"instances\":[[5.1,3.5,1.4,0.2]]}' "
          "http://127.0.0.1:8080/predict",
          [](CLI::App& app) -> Action {
            auto flags = std::make_shared<ServeFlags>();
            const CLI::Option* model = define_flags(app, *flags);
            return [flags, model](Context& context) -> Result<ExitCode> {
              if (auto ok = take_argument(flags->argument, *model, flags->model); !ok) {
                return tl::unexpected(ok.error());
              }
              return serve_model(*flags, context);
            };
          }};
}

}  // namespace iris::cli
