// The service: its sockets, its threads, its admin port, its end.
//
//   auto service = Service::open(options, model, clock, log);   // listens from now on
//   if (auto started = (*service)->start(); !started) …         // answers from now on
//   (*service)->run();                                          // until SIGTERM or SIGINT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "http/server.hpp"
#include "serve/credentials.hpp"
#include "serve/served_model.hpp"

namespace iris::serve {

struct ServiceOptions {
  std::string host = "0.0.0.0";
  std::uint16_t port = 8080;  // 0: any
  std::string admin_host = "127.0.0.1";
  std::uint16_t admin_port = 9090;  // 0: any
  bool ipv6_only = false;           // "::" is no address of IPv4 as well
  std::size_t threads = 1;
  // From the first signal on readiness fails; for so long everything else goes on as before.
  Nanoseconds drain_delay{0};
  Nanoseconds drain_timeout = std::chrono::seconds(25);  // from then on
  std::string access_log{};     // a path, "-" for standard output, empty for none
  double access_log_share = 1;  // of the requests, by even choice
  // max_connections, max_held_bytes and max_waiting are those of the whole service.
  http::ServerOptions http{};
  CredentialPaths credentials{};
  std::string model_path{};  // loaded again when asked to or changed; empty: never
  std::string version{};     // of the program
};

// What became of the requests of a service that has ended.
struct Ending {
  std::uint64_t answered = 0;
  std::uint64_t cut = 0;   // were under way when its time was over, and got no answer
  std::uint64_t late = 0;  // arrived after their connection was closed, and got none either
  // A file that is read at this moment does not come, e.g. from a mount that is gone. The thread
  // that waits for it cannot be ended: leave by _Exit().
  bool stuck = false;
};

class Service {
 public:
  // From now on SIGTERM, SIGINT and SIGHUP wait for run().
  //
  // Takes the sockets of LISTEN_FDS (the first for the service, the second for the admin port), or
  // opens its own. Fails when an address cannot be had.
  static Result<std::unique_ptr<Service>> open(const ServiceOptions& options,
                                               std::shared_ptr<const ServedModel> model,
                                               const Clock& clock, Log& log);
  ~Service();

  // "127.0.0.1:8080", with the port that the kernel chose.
  std::string address() const;
  std::string admin_address() const;

  // Starts the threads that serve. Fails when the machine lets one of them not start.
  Result<void> start();

  // After start(). Starts the thread that loads; without it, it serves all the same and refuses to
  // load. On SIGHUP, and when they change, the model (reloader.hpp) and the credentials
  // are read again.
  //
  // Serves until SIGTERM or SIGINT. Then readiness fails, and after drain_delay it drains: answers
  // close their connections, and it returns when the last is written or the drain timeout is over.
  // A second signal ends it at once.
  Ending run();

 private:
  struct State;
  explicit Service(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace iris::serve
