#include "serve/service.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/thread.hpp"
#include "http/event_loop.hpp"
#include "http/listen.hpp"
#include "serve/access_log.hpp"
#include "serve/admin_routes.hpp"
#include "serve/credentials.hpp"
#include "serve/file_watch.hpp"
#include "serve/live_figures.hpp"
#include "serve/metrics.hpp"
#include "serve/model_store.hpp"
#include "serve/reloader.hpp"
#include "serve/routes.hpp"
#include "serve/signals.hpp"

namespace iris::serve {
namespace {

// Threads that release memory do so at about the same time.
constexpr Nanoseconds kTrimDelay = std::chrono::milliseconds(300);

// glibc gives back what lies free at the end of a thread's memory once it is more than this, and
// what is at least as large by itself at once. By default both grow with what is freed, to 64 MiB a
// thread, and malloc_trim() does not reach the end of other threads' memory.
constexpr int kKeptFreeBytes = 1 << 20;

// How long a line of the access log may wait to be written.
constexpr Nanoseconds kAccessLogPeriod = std::chrono::milliseconds(100);

// How long a load that is under way is waited for at the end: its model would serve nobody.
constexpr Nanoseconds kReloadPatience = std::chrono::milliseconds(200);

// From the first signal to the end, where everything goes as it should.
Nanoseconds time_to_end(const ServiceOptions& options) {
  return options.drain_delay + options.drain_timeout + kReloadPatience + std::chrono::seconds(2);
}

// One thread with its own loop, connections and counts.
struct Worker {
  Worker(const http::ServerOptions& options, const RoutesContext& context)
      : loop(context.clock),
        routes(context),
        server(loop, options, routes, context.metrics.http, context.clock, std::random_device{}()) {
  }

  http::EventLoop loop;
  ServiceRoutes routes;
  http::Server server;
  std::thread thread;
};

// What is said of the whole service, for one of its threads.
http::ServerOptions share_of_one_thread(const ServiceOptions& options) {
  http::ServerOptions http = options.http;
  // What follows the wait for idle connections is to have its time, too.
  http.drain_idle_timeout = std::min(http.drain_idle_timeout, options.drain_timeout / 2);
  const auto share = [&options](std::size_t whole) {
    return std::max<std::size_t>(1, whole / options.threads);
  };
  http.max_connections = share(http.max_connections);
  http.max_held_bytes = share(http.max_held_bytes);
  if (http.max_waiting > 0) http.max_waiting = share(http.max_waiting);
  return http;
}

http::ServerOptions admin_options(const ServiceOptions& options) {
  http::ServerOptions http = options.http;
  http.max_connections = 64;
  http.max_requests_per_connection = 0;
  http.max_waiting = 0;
  http.max_queueing_time = {};
  return http;
}

}  // namespace

// The thread that calls run() has the signals, the admin port and the end; the workers serve.
struct Service::State {
  State(const ServiceOptions& service_options, std::shared_ptr<const ServedModel> served,
        std::unique_ptr<AccessLog> its_access_log, std::unique_ptr<Credentials> its_credentials,
        const Clock& its_clock, Log& its_log)
      : options(service_options),
        models(std::move(served)),
        credentials(std::move(its_credentials)),
        clock(its_clock),
        log(its_log),
        access_log(std::move(its_access_log)),
        admin_routes(admin_tasks(), models, control_metrics, draining, credentials->admin_token()),
        admin(control, admin_options(options), admin_routes, admin_counters, clock, 1) {
    mallopt(M_MMAP_THRESHOLD, kKeptFreeBytes);
    mallopt(M_TRIM_THRESHOLD, kKeptFreeBytes);
    options.http = share_of_one_thread(options);
    for (std::size_t i = 0; i < options.threads; ++i) {
      metrics.push_back(std::make_unique<WorkerMetrics>());
      workers.push_back(std::make_unique<Worker>(
          options.http, RoutesContext{.models = models,
                                      .metrics = *metrics.back(),
                                      .draining = draining,
                                      .clock = clock,
                                      .info = info(),
                                      .access_log = access_log.get(),
                                      .access_log_share = options.access_log_share,
                                      .tokens = credentials->token(),
                                      .max_body_bytes = options.http.limits.body_bytes,
                                      .memory_released = [this] { trim_soon(); }}));
    }
  }

  AdminTasks admin_tasks();
  ServiceInfo info() {
    return {options.version, credentials->token() != nullptr,
            [this] { return render_live_figures(metrics, clock.steady()); }};
  }
  Result<void> open_sockets();
  void watch_files();
  void reload_all();
  void reload_credentials();
  void reload_model(Reloader::Cause cause, Reloader::Done done = {});
  void flush_access_log();
  void trim_soon();
  void retire(const std::shared_ptr<const ServedModel>& model);
  void end();
  void drain();
  void abort();
  Result<void> start();
  void join();
  Ending run();

  ServiceOptions options;
  ModelStore models;
  const std::unique_ptr<Credentials> credentials;
  const Clock& clock;
  Log& log;
  const std::unique_ptr<AccessLog> access_log;  // null for none
  std::string address;
  std::string admin_address;
  std::atomic<bool> draining{false};
  std::vector<std::unique_ptr<WorkerMetrics>> metrics;
  http::EventLoop control{clock};
  // From before anybody can know of the service, so that a signal that comes early waits for run().
  const Signals signals{control, time_to_end(options),
                        [this](int signal) { signal == SIGHUP ? reload_all() : end(); }};
  http::Timer drain_begin{control, [this] { drain(); }};
  http::Timer drain_deadline{control, [this] { abort(); }};
  http::Timer access_log_flush{control, [this] { flush_access_log(); }};
  http::Timer memory_trim{control, [] { malloc_trim(0); }};
  http::Counters admin_counters;
  ControlMetrics control_metrics;
  AdminRoutes admin_routes;
  http::Server admin;
  std::vector<std::unique_ptr<Worker>> workers;
  bool drains = false;      // drain() was called
  std::size_t drained = 0;  // workers with nothing left
  std::atomic<std::uint64_t> cut{0};
  Reloader reloader{
      options.model_path, models, control_metrics.reloads, clock, log, [this](auto retired) {
        retire(retired);
      }};
  std::optional<FileWatch> watch;
};

AdminTasks Service::State::admin_tasks() {
  AdminTasks tasks;
  tasks.metrics_page = [this] {
    control_metrics.log_lines_dropped = log.dropped_lines();
    return render_metrics(metrics, *models.current(), control_metrics, options.version);
  };
  if (options.model_path.empty()) return tasks;
  tasks.reload = [this](const Reloader::Done& done) {
    reload_model(Reloader::Cause::kAdmin, [this, done](const Reloader::Outcome& outcome) {
      control.post([done, outcome] { done(outcome); });
    });
  };
  return tasks;
}

Result<void> Service::State::open_sockets() {
  auto inherited = http::inherited_listeners();
  if (!inherited) return tl::unexpected(inherited.error());
  std::vector<Fd> sockets;
  const bool is_inherited = !inherited->empty();
  if (!is_inherited) {
    auto opened = http::listen_on(options.host, options.port, workers.size(), options.ipv6_only);
    if (!opened) return tl::unexpected(opened.error());
    sockets = std::move(*opened);
  } else {
    sockets.push_back(std::move(inherited->front()));
    while (sockets.size() < workers.size()) {
      auto copy = http::duplicate(sockets.front());
      if (!copy) return tl::unexpected(copy.error());
      sockets.push_back(std::move(*copy));
    }
  }
  address = http::local_address(sockets.front());
  for (std::size_t i = 0; i < workers.size(); ++i) {
    workers[i]->server.listen(std::move(sockets[i]), {credentials->tls(), is_inherited});
  }

  Fd admin_socket;
  if (inherited->size() > 1) {
    admin_socket = std::move((*inherited)[1]);
  } else {
    auto opened = http::listen_on(options.admin_host, options.admin_port, 1, options.ipv6_only);
    if (!opened) {
      return tl::unexpected(Error{opened.error().code, "admin port: " + opened.error().message});
    }
    admin_socket = std::move(opened->front());
  }
  admin_address = http::local_address(admin_socket);
  admin.listen(std::move(admin_socket), {credentials->tls()});
  return {};
}

void Service::State::watch_files() {
  std::vector<WatchedFile> files;
  if (!options.model_path.empty()) {
    files.push_back({options.model_path, models.current()->stamp,
                     [this] { reload_model(Reloader::Cause::kFileChanged); }});
  }
  for (const auto& [path, stamp] : credentials->files()) {
    files.push_back({path, stamp, [this] { reload_credentials(); }});
  }
  if (files.empty()) return;
  watch.emplace(control, std::move(files));
  if (auto started = watch->start(); !started) {
    log.warn("changed files are not noticed by themselves, only on SIGHUP: {}",
             started.error().message);
  }
}

void Service::State::reload_all() {
  log.info("SIGHUP: reading the files again");
  if (access_log) access_log->reopen();
  if (!credentials->files().empty()) reload_credentials();
  if (!options.model_path.empty()) reload_model(Reloader::Cause::kSignal);
}

void Service::State::reload_credentials() {
  reloader.run_soon([this] { credentials->reload(); });
}

void Service::State::reload_model(Reloader::Cause cause, Reloader::Done done) {
  reloader.request(cause, std::move(done));
}

// Every thread lets go of the model, one that is idle, too; it ends in a thread that does not
// serve.
void Service::State::retire(const std::shared_ptr<const ServedModel>& model) {
  for (const auto& worker : workers) {
    worker->loop.post([this, &routes = worker->routes, held = model]() mutable {
      routes.refresh();
      control.post([last = std::move(held)] {});
    });
  }
}

void Service::State::flush_access_log() {
  access_log->flush();
  control_metrics.access_log_dropped = access_log->dropped();
  control_metrics.access_log_failures = access_log->failures();
  access_log_flush.expire_after(kAccessLogPeriod);
}

// What was freed goes back to the system, too: glibc keeps what lies below anything in use. Within
// this thread, and once for all that release at the same time.
void Service::State::trim_soon() {
  control.post([this] { memory_trim.expire_after(kTrimDelay); });
}

void Service::State::end() {
  if (draining.exchange(true)) {
    log.warn("second signal: ending at once");
    drain_begin.cancel();
    drain();
    return abort();
  }
  if (options.drain_delay <= Nanoseconds{0}) return drain();
  log.info("readiness fails from now on; serving on for {:.1f} s", to_seconds(options.drain_delay));
  drain_begin.expire_after(options.drain_delay);
}

void Service::State::drain() {
  if (std::exchange(drains, true)) return;
  log.info("draining: answering what is under way, for {:.0f} s at most",
           to_seconds(options.drain_timeout));
  for (const auto& worker : workers) {
    worker->loop.post([this, &worker = *worker] {
      worker.server.drain([this, &worker] {
        worker.loop.stop();
        control.post([this] {
          if (++drained == workers.size()) control.stop();
        });
      });
    });
  }
  drain_deadline.expire_after(options.drain_timeout);
}

void Service::State::abort() {
  for (const auto& worker : workers) {
    worker->loop.post([this, &server = worker->server] { cut += server.abort(); });
  }
}

Result<void> Service::State::start() {
  for (const auto& worker : workers) {
    auto thread = start_thread([&loop = worker->loop] { loop.run(); });
    if (!thread) {
      for (const auto& begun : workers) begun->loop.post([&loop = begun->loop] { loop.stop(); });
      join();
      return tl::unexpected(thread.error());
    }
    worker->thread = std::move(*thread);
  }
  return {};
}

void Service::State::join() {
  for (const auto& worker : workers) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

Ending Service::State::run() {
  // Who has asked already is answered first, where there is one processor for all.
  std::this_thread::yield();
  if (auto started = reloader.start(); !started) {
    log.warn("no file can be read again, until there is room for a thread: {}",
             started.error().message);
  }
  watch_files();
  if (access_log) flush_access_log();
  control.run();
  join();
  if (access_log) access_log->flush();
  Ending ending{.cut = cut, .stuck = !reloader.stop(kReloadPatience)};
  for (const auto& worker : metrics) {
    ending.answered += worker->http.duration.count();
    ending.late += worker->http.late.value();
  }
  return ending;
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}
Service::~Service() = default;

Result<std::unique_ptr<Service>> Service::open(const ServiceOptions& options,
                                               std::shared_ptr<const ServedModel> model,
                                               const Clock& clock, Log& log) {
  std::unique_ptr<AccessLog> access_log;
  if (!options.access_log.empty()) {
    auto opened = AccessLog::open(options.access_log, clock, log);
    if (!opened) return tl::unexpected(opened.error());
    access_log = std::move(*opened);
  }
  auto credentials = Credentials::load(options.credentials, log);
  if (!credentials) return tl::unexpected(credentials.error());
  auto state = std::make_unique<State>(options, std::move(model), std::move(access_log),
                                       std::move(*credentials), clock, log);
  if (auto opened = state->open_sockets(); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

std::string Service::address() const {
  return state_->address;
}
std::string Service::admin_address() const {
  return state_->admin_address;
}
Result<void> Service::start() {
  return state_->start();
}
Ending Service::run() {
  return state_->run();
}

}  // namespace iris::serve
