// iris serve: a model behind HTTP.
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "base/cgroup_limits.hpp"
#include "cli/arguments.hpp"
#include "cli/commands.hpp"
#include "http/listen.hpp"
#include "serve/service.hpp"

namespace iris::cli {
namespace {

// Descriptors that are not clients': listeners, loops, the model, the log.
constexpr std::size_t kOwnDescriptors = 256;

// Flags as given; durations as text ("30s") until they are checked.
struct ServeFlags {
  std::string model = "models/model.onnx";
  std::string argument;  // the model, instead of --model
  serve::ServiceOptions service;
  std::optional<std::size_t> threads;
  std::optional<std::size_t> max_connections;
  std::string read_timeout = "10s";
  std::string write_timeout = "10s";
  std::string idle_timeout = "60s";
  std::string max_connection_age = "300s";
  std::string drain_timeout = "25s";
  std::string max_queueing_time = "1s";
};

// Gives back the option that names the model.
const CLI::Option* define_flags(CLI::App& app, ServeFlags& flags) {
  auto& service = flags.service;
  auto& http = service.http;
  app.add_option("MODEL", flags.argument, "The model, as --model");
  const CLI::Option* model = app.add_option("--model", flags.model, "The model, ONNX")
                                 ->envname("MODEL_PATH")
                                 ->capture_default_str();
  app.add_option("--host", service.host, "Address to listen on")->capture_default_str();
  app.add_option("--port", service.port, "Port (0: any free one)")
      ->envname("PORT")
      ->capture_default_str();
  app.add_option("--admin-host", service.admin_host, "Address of the admin port")
      ->capture_default_str();
  app.add_option("--admin-port", service.admin_port, "Port of /metrics (0: any free one)")
      ->capture_default_str();
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
  app.add_option("--max-connections", flags.max_connections,
                 "Open connections; more get 429 (default: from the limit on descriptors)")
      ->check(CLI::PositiveNumber);
  app.add_option("--max-queueing-time", flags.max_queueing_time,
                 "How long a prediction may wait for its turn; one that waited longer gets 429 "
                 "(0s: no bound)")
      ->capture_default_str();
  app.add_option("--max-in-flight", http.max_waiting,
                 "Requests that may wait for their turn; with more, predictions get 429 (0: no "
                 "bound)")
      ->capture_default_str();
  app.add_option("--max-held", http.max_held_bytes,
                 "Bytes of requests partly read and of answers not yet taken, together")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--max-requests-per-connection", http.max_requests_per_connection,
                 "Requests before a connection is closed (0: no bound)")
      ->capture_default_str();
  app.add_option("--max-connection-age", flags.max_connection_age,
                 "Age at which a connection is closed after an answer, so that clients move over "
                 "to new replicas")
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
  app.add_option("--drain-timeout", flags.drain_timeout, "From SIGTERM to the end at the latest")
      ->capture_default_str();
  return model;
}

Result<void> read_duration(const char* flag, const std::string& text, Nanoseconds& duration,
                           bool may_be_zero = false) {
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
  } durations[] = {
      {"--read-timeout", flags.read_timeout, http.read_timeout},
      {"--write-timeout", flags.write_timeout, http.write_timeout},
      {"--idle-timeout", flags.idle_timeout, http.idle_timeout},
      {"--max-connection-age", flags.max_connection_age, http.max_connection_age},
      {"--drain-timeout", flags.drain_timeout, service.drain_timeout},
  };
  for (const auto& entry : durations) {
    if (auto read = read_duration(entry.flag, entry.text, entry.duration); !read) return read;
  }
  return read_duration("--max-queueing-time", flags.max_queueing_time, http.max_queueing_time,
                       true);
}

Result<ExitCode> serve_model(const ServeFlags& flags, Context& context) {
  serve::ServiceOptions options = flags.service;
  if (auto read = read_durations(flags, options); !read) return tl::unexpected(read.error());
  options.version = IRIS_VERSION;
  // Not asked for nothing: a machine with containers has a long list of mounts to read.
  options.threads = flags.threads ? *flags.threads : usable_cpus();
  const std::size_t descriptors = http::raise_descriptor_limit();
  options.http.max_connections = flags.max_connections.value_or(
      descriptors > 2 * kOwnDescriptors ? descriptors - kOwnDescriptors : descriptors / 2);

  options.model_path = flags.model;
  auto file = serve::read_model_file(flags.model, context.clock);
  if (!file) return tl::unexpected(file.error());
  auto model = serve::load_served_model(*file, context.clock);
  if (!model) return tl::unexpected(model.error());
  *file = {};
  auto service = serve::Service::open(options, std::move(*model), context.clock, context.log);
  if (!service) return tl::unexpected(service.error());
  const auto* scheme = options.credentials.tls_certificate.empty() ? "http" : "https";
  context.log.info("serving {} on {}://{}, admin {}://{}, {} thread{}", flags.model, scheme,
                   (*service)->address(), scheme, (*service)->admin_address(), options.threads,
                   options.threads == 1 ? "" : "s");
  const std::size_t cut = (*service)->run();
  if (cut > 0) {
    context.log.warn("ended; {} requests got no answer in time", cut);
  } else {
    context.log.info("ended; every request was answered, {} in all", (*service)->requests());
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
