// An open-loop client: it sends at the times of a fixed schedule, however slow the answers are, and
// measures each latency from the intended start, so that a server that stalls shows in full (a
// closed loop such as wrk's waits for the server and so leaves those moments out).
//
//   Probe probe(options, clock);
//   probe.start();                  // its own thread
//   auto second = probe.take();     // what came in since the last take
//   auto all = probe.stop();
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/histogram.hpp"
#include "http/client.hpp"

namespace iris::load {

struct ProbeOptions {
  http::Endpoint peer;
  http::ClientRequest request;
  double rate_per_s = 100;
  Nanoseconds timeout = std::chrono::seconds(2);
  // A connection is given up after so many requests, so that over time all servers behind the
  // address are seen.
  int requests_per_connection = 20;
  // Idle connections that are kept. When all are busy, another one is opened: the schedule never
  // waits.
  std::size_t kept_connections = 8;
};

// `sent` counts in the interval in which a request was sent, the others in which it ended.
struct ProbeCounts {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;  // 2xx, and the same body as the first one answered
  std::uint64_t rejected = 0;  // another status or body: an answer, but not a good one
  std::uint64_t failed = 0;    // everything that was not answered well, `rejected` included
  Histogram latency_us;        // of the answered, and of those timed out with at least the timeout
  // Of the same, from the send and on a connection that was open before: what a connection that is
  // kept busy meets, without what the probe itself was late.
  Histogram service_us;

  void merge(const ProbeCounts& other);
};

class Probe {
 public:
  Probe(ProbeOptions options, const Clock& clock);
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  // Stops at once; what is on its way is dropped.
  ~Probe();

  void start();
  ProbeCounts take();
  // Nothing more is sent; what is on its way goes on.
  void finish();
  // Finishes and waits, at most the timeout. Everything since the start.
  ProbeCounts stop();
  // Sent and not yet ended.
  std::uint64_t in_flight() const;
  // What the last failure was; empty when there was none.
  std::string last_failure() const;

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace iris::load
