#include "serve/service.hpp"

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <random>
#include <thread>
#include <vector>

#include "http/listen.hpp"
#include "serve/metrics.hpp"
#include "serve/routes.hpp"

namespace iris::serve {
namespace {

namespace asio = boost::asio;

// One thread with its own loop, connections and counts.
struct Worker {
  Worker(const ServiceOptions& options, std::shared_ptr<const ServedModel> model,
         WorkerMetrics& metrics, const std::atomic<bool>& draining, const Clock& clock)
      : routes(std::move(model), metrics, draining),
        server(io, options.http, routes, metrics.http, clock, std::random_device{}()) {}

  // Only this thread touches its sockets, so the reactor need not lock for them.
  asio::io_context io{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  ServiceRoutes routes;
  http::Server server;
  std::thread thread;
};

http::ServerOptions admin_options(const ServiceOptions& options) {
  http::ServerOptions http = options.http;
  http.max_connections = 64;
  http.max_requests_per_connection = 0;
  return http;
}

}  // namespace

// The thread that calls run() has the signals, the admin port and the end; the workers serve.
struct Service::State {
  State(const ServiceOptions& service_options, std::shared_ptr<const ServedModel> served,
        const Clock& its_clock, Log& its_log)
      : options(service_options),
        model(std::move(served)),
        clock(its_clock),
        log(its_log),
        admin_routes([this] { return render_metrics(metrics, *model, options.version); }, draining),
        admin(control, admin_options(options), admin_routes, admin_counters, clock, 1) {
    options.http.max_connections =
        std::max<std::size_t>(1, options.http.max_connections / options.threads);
    for (std::size_t i = 0; i < options.threads; ++i) {
      metrics.push_back(std::make_unique<WorkerMetrics>());
      workers.push_back(std::make_unique<Worker>(options, model, *metrics.back(), draining, clock));
    }
  }

  Result<void> open_sockets();
  void await_signal();
  void drain();
  void abort();
  std::size_t run();

  ServiceOptions options;
  const std::shared_ptr<const ServedModel> model;
  const Clock& clock;
  Log& log;
  std::string address;
  std::string admin_address;
  std::atomic<bool> draining{false};
  std::vector<std::unique_ptr<WorkerMetrics>> metrics;
  asio::io_context control{1};
  asio::signal_set signals{control};
  http::Timer drain_deadline{control.get_executor()};
  http::Counters admin_counters;
  AdminRoutes admin_routes;
  http::Server admin;
  std::vector<std::unique_ptr<Worker>> workers;
  std::size_t drained = 0;  // workers with nothing left
  std::atomic<std::size_t> cut{0};
};

Result<void> Service::State::open_sockets() {
  auto inherited = http::inherited_listeners();
  if (!inherited) return tl::unexpected(inherited.error());
  std::vector<Fd> sockets;
  if (inherited->empty()) {
    auto opened = http::listen_on(options.host, options.port, workers.size());
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
    workers[i]->server.listen(std::move(sockets[i]));
  }

  Fd admin_socket;
  if (inherited->size() > 1) {
    admin_socket = std::move((*inherited)[1]);
  } else {
    auto opened = http::listen_on(options.admin_host, options.admin_port, 1);
    if (!opened) return input_error("admin port: {}", opened.error().message);
    admin_socket = std::move(opened->front());
  }
  admin_address = http::local_address(admin_socket);
  admin.listen(std::move(admin_socket));
  return {};
}

void Service::State::await_signal() {
  signals.async_wait([this](const boost::system::error_code& ec, int) {
    if (ec) return;
    if (draining.exchange(true)) {
      log.warn("second signal: ending at once");
      return abort();
    }
    log.info("draining: answering what is under way, for {:.0f} s at most",
             to_seconds(options.drain_timeout));
    drain();
    await_signal();
  });
}

void Service::State::drain() {
  for (const auto& worker : workers) {
    asio::post(worker->io, [this, &server = worker->server] {
      server.drain([this] {
        asio::post(control, [this] {
          if (++drained == workers.size()) control.stop();
        });
      });
    });
  }
  drain_deadline.expires_after(options.drain_timeout);
  drain_deadline.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) abort();
  });
}

void Service::State::abort() {
  for (const auto& worker : workers) {
    asio::post(worker->io, [this, &server = worker->server] { cut += server.abort(); });
  }
}

std::size_t Service::State::run() {
  signals.add(SIGTERM);
  signals.add(SIGINT);
  await_signal();
  for (const auto& worker : workers) {
    worker->thread = std::thread([&io = worker->io] { io.run(); });
  }
  control.run();
  for (const auto& worker : workers) worker->thread.join();
  return cut;
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}
Service::~Service() = default;

Result<std::unique_ptr<Service>> Service::open(const ServiceOptions& options,
                                               std::shared_ptr<const ServedModel> model,
                                               const Clock& clock, Log& log) {
  auto state = std::make_unique<State>(options, std::move(model), clock, log);
  if (auto opened = state->open_sockets(); !opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

std::string Service::address() const {
  return state_->address;
}
std::string Service::admin_address() const {
  return state_->admin_address;
}
std::size_t Service::run() {
  return state_->run();
}

}  // namespace iris::serve
