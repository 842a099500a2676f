#include "load/probe.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/fd.hpp"

namespace iris::load {
namespace {

using namespace std::chrono_literals;

// A server of one thread that answers each request with what `answer` returns for its number, after
// sleeping while `stalled`.
class TinyServer {
 public:
  using Answer = std::function<std::string(int)>;
  explicit TinyServer(Answer answer) : answer_(std::move(answer)) {
    listener_ = Fd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 64), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    endpoint_ = {boost::asio::ip::address_v4::loopback(), ntohs(address.sin_port)};
    thread_ = std::thread([this] { run(); });
  }
  ~TinyServer() {
    stop_ = true;
    thread_.join();
  }
  http::Endpoint endpoint() const { return endpoint_; }
  int connections() const { return accepted_; }
  int requests() const { return requests_; }
  std::atomic<bool> stalled{false};

 private:
  void run() {
    std::map<int, Fd> open;
    while (!stop_) {
      if (stalled) {
        std::this_thread::sleep_for(5ms);
        continue;
      }
      std::vector<pollfd> entries = {{listener_.get(), POLLIN, 0}};
      for (const auto& [number, fd] : open) entries.push_back({number, POLLIN, 0});
      ::poll(entries.data(), entries.size(), 5);
      if ((entries[0].revents & POLLIN) != 0) {
        const int fd = ::accept(listener_.get(), nullptr, nullptr);
        open.emplace(fd, Fd(fd));
        ++accepted_;
      }
      for (std::size_t i = 1; i < entries.size(); ++i) {
        if (entries[i].revents != 0 && !serve(entries[i].fd)) open.erase(entries[i].fd);
      }
    }
  }

  bool serve(int fd) {
    char buffer[4096];
    if (::read(fd, buffer, sizeof buffer) <= 0) return false;
    const auto text = answer_(requests_++);
    return !text.empty() && ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) > 0;
  }

  Answer answer_;
  Fd listener_;
  http::Endpoint endpoint_;
  std::atomic<bool> stop_{false};
  std::atomic<int> accepted_{0};
  std::atomic<int> requests_{0};
  std::thread thread_;
};

std::string answer(const char* status, const std::string& body) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}

ProbeOptions options_for(const TinyServer& server) {
  ProbeOptions options;
  options.peer = server.endpoint();
  options.request = {.method = "POST", .target = "/predict", .body = "{}"};
  options.rate_per_s = 200;
  options.timeout = 400ms;
  return options;
}

TEST(Probe, CountsEveryAnswerAndRenewsItsConnections) {
  TinyServer server([](int) { return answer("200 OK", "same"); });
  const SystemClock clock;
  Probe probe(options_for(server), clock);
  probe.start();
  std::this_thread::sleep_for(500ms);
  const auto counts = probe.stop();
  EXPECT_GE(counts.sent, 60U);
  EXPECT_EQ(counts.answered, counts.sent);
  EXPECT_EQ(counts.failed, 0U);
  EXPECT_EQ(counts.latency_us.count(), counts.sent);
  EXPECT_EQ(probe.in_flight(), 0U);
  // One connection is used 20 times and then given up.
  EXPECT_GE(server.connections(), static_cast<int>(counts.sent / 20));
}

TEST(Probe, KeepsItsScheduleWhileTheServerStallsAndCountsTheWait) {
  TinyServer server([](int) { return answer("200 OK", "same"); });
  const SystemClock clock;
  auto options = options_for(server);
  options.timeout = 5s;
  Probe probe(options, clock);
  probe.start();
  std::this_thread::sleep_for(100ms);
  server.stalled = true;
  std::this_thread::sleep_for(500ms);
  (void)probe.take();
  const auto waiting = probe.in_flight();
  server.stalled = false;
  const auto counts = probe.stop();
  // A closed loop over 8 connections would have 8 on their way.
  EXPECT_GT(waiting, 50U);
  EXPECT_EQ(counts.answered, counts.sent);
  EXPECT_GT(counts.latency_us.quantile(0.9), 300'000U);
}

TEST(Probe, CountsATimeoutWithAtLeastTheTimeout) {
  TinyServer server([](int) { return answer("200 OK", "same"); });
  server.stalled = true;
  const SystemClock clock;
  Probe probe(options_for(server), clock);
  probe.start();
  std::this_thread::sleep_for(200ms);
  const auto counts = probe.stop();
  EXPECT_GT(counts.sent, 0U);
  EXPECT_EQ(counts.failed, counts.sent);
  EXPECT_EQ(counts.rejected, 0U);
  EXPECT_EQ(counts.latency_us.count(), counts.sent);
  EXPECT_GE(counts.latency_us.min(), 400'000U);
  EXPECT_NE(probe.last_failure().find("no answer"), std::string::npos);
}

TEST(Probe, TakesAnotherStatusOrAnotherBodyForAFailure) {
  TinyServer server([](int number) {
    if (number == 3) return answer("503 Service Unavailable", "{}");
    return answer("200 OK", number == 5 ? "other" : "same");
  });
  const SystemClock clock;
  Probe probe(options_for(server), clock);
  probe.start();
  std::this_thread::sleep_for(300ms);
  const auto counts = probe.stop();
  EXPECT_EQ(counts.failed, 2U);
  EXPECT_EQ(counts.rejected, 2U);
  EXPECT_EQ(counts.answered + counts.failed, counts.sent);
}

TEST(Probe, OpensAKeptConnectionAgainThatTheServerClosed) {
  // The server answers once on each connection and then closes it without saying so.
  TinyServer server(
      [](int number) { return number % 2 == 0 ? answer("200 OK", "same") : std::string(); });
  const SystemClock clock;
  auto options = options_for(server);
  options.rate_per_s = 20;
  Probe probe(options, clock);
  probe.start();
  std::this_thread::sleep_for(400ms);
  const auto counts = probe.stop();
  EXPECT_EQ(counts.failed, 0U) << probe.last_failure();
  EXPECT_EQ(counts.answered, counts.sent);
}

}  // namespace
}  // namespace iris::load
