// The whole service with its threads, ended by real signals; under the thread sanitizer this is the
// test that counts.
#include "serve/service.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <charconv>
#include <csignal>
#include <string>
#include <thread>

#include "base/fd.hpp"
#include "example_model.hpp"
#include "format/onnx.hpp"
#include "scratch_folder.hpp"

namespace iris::serve {
namespace {

using namespace std::chrono_literals;

Fd connect_to(const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::uint16_t port = 0;
  const auto colon = address.rfind(':');
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  to.sin_port = htons(port);
  Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  EXPECT_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  return client;
}

// Sends and reads until the answer ends with `end` or the connection ends.
std::string talk(const Fd& client, std::string_view request, std::string_view end) {
  EXPECT_EQ(send(client.get(), request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  char bytes[4096];
  while (!answer.ends_with(end)) {
    const auto count = recv(client.get(), bytes, sizeof bytes, 0);
    if (count <= 0) break;
    answer.append(bytes, static_cast<std::size_t>(count));
  }
  return answer;
}

class ServiceTest : public testing::Test {
 protected:
  // Signals may be sent from now on: they wait for run().
  void open(ServiceOptions options,
            std::shared_ptr<const ServedModel> model = example_served_model()) {
    options.host = "127.0.0.1";
    options.port = 0;
    options.admin_port = 0;
    options.threads = 2;
    log_.set_quiet(true);
    auto service = Service::open(options, std::move(model), clock_, log_);
    ASSERT_TRUE(service) << service.error().message;
    service_ = std::move(*service);
  }
  void start(const ServiceOptions& options) {
    open(options);
    start();
  }
  void start() {
    thread_ = std::thread([this] {
      const auto started = service_->start();
      ASSERT_TRUE(started) << started.error().message;
      ending_ = service_->run();
    });
  }
  std::string metrics() const {
    return talk(connect_to(service_->admin_address()),
                "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "never");
  }
  // Asks until the answer to `request` contains `wanted`, for 10 s at most; returns the last.
  std::string ask_until(std::string_view request, std::string_view wanted) const {
    const auto patience = clock_.steady() + 10s;
    std::string answer;
    do {
      std::this_thread::sleep_for(5ms);
      answer = talk(connect_to(service_->address()), request, "}");
    } while (answer.find(wanted) == std::string::npos && clock_.steady() < patience);
    return answer;
  }
  // Returns how many requests lost their answer.
  std::uint64_t end(int signal = SIGTERM) {
    kill(getpid(), signal);
    thread_.join();
    return ending_.cut + ending_.late;
  }

  SystemClock clock_;
  Log log_;
  std::unique_ptr<Service> service_;
  std::thread thread_;
  Ending ending_;
};

const std::string kPredict =
    "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 23\r\n\r\n{\"instances\":[[2,1]]}  ";

TEST_F(ServiceTest, ServesManyClientsAndAnswersAllBeforeItEnds) {
  start({});
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      const auto client = connect_to(service_->address());
      for (int n = 0; n < 200; ++n) good += talk(client, kPredict, "}").ends_with("[\"wide\"]}");
    });
  }
  for (auto& client : clients) client.join();
  const auto page = metrics();
  EXPECT_EQ(good, 1600);
  EXPECT_NE(page.find("\niris_requests_received_total 1600\n"), std::string::npos) << page;
  EXPECT_EQ(end(), 0U);
  EXPECT_EQ(ending_.answered, 1600U);
}

TEST_F(ServiceTest, ASignalBeforeItRunsIsHeeded) {
  open({});
  kill(getpid(), SIGTERM);
  ASSERT_TRUE(service_->start());
  EXPECT_EQ(service_->run().cut, 0U);
}

TEST_F(ServiceTest, AsksForATokenWhoseFileWasReplacedWhileItStarted) {
  const ScratchFolder folder;
  folder.write("token", "first");
  open({.credentials = {.token = folder / "token"}});
  folder.write("token", "second");
  start();
  const std::string body = "{\"instances\":[[2,1]]}";
  const auto request =
      "POST /predict HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer second\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  const auto answer = ask_until(request, "HTTP/1.1 200");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_EQ(end(), 0U);
}

TEST_F(ServiceTest, ReadsAModelOnceWhoseFileIsAsItWas) {
  const ScratchFolder folder;
  const auto path = folder / "model.onnx";
  folder.write("model.onnx", *format::write_onnx(example_model()));
  const auto file = read_model_file(path, clock_);
  open({.model_path = path}, *load_served_model(*file, clock_));
  start();
  std::this_thread::sleep_for(200ms);  // a change is told of after 50 ms
  const auto page = metrics();
  EXPECT_NE(page.find("\niris_model_reloads_total{result=\"unchanged\"} 0\n"), std::string::npos)
      << page;
  EXPECT_EQ(end(), 0U);
}

TEST_F(ServiceTest, TakesAModelWhoseFileWasReplacedWhileItStarted) {
  const ScratchFolder folder;
  const auto path = folder / "model.onnx";
  folder.write("model.onnx", *format::write_onnx(example_model()));
  const auto file = read_model_file(path, clock_);
  const auto model = load_served_model(*file, clock_);
  folder.write("model.onnx.new", *format::write_onnx(other_model()));
  std::filesystem::rename(folder / "model.onnx.new", path);
  open({.model_path = path}, *model);
  start();
  const auto answer = ask_until(kPredict, "high");
  EXPECT_TRUE(answer.ends_with("[\"high \\\"up\\\"\"]}")) << answer;
  EXPECT_EQ(end(), 0U);
}

TEST_F(ServiceTest, EndsByItsDeadlineAndCountsWhatWasCut) {
  start({.drain_timeout = 300ms});
  const auto client = connect_to(service_->address());
  talk(client, kPredict, "}");
  const auto part = kPredict.substr(0, 30);
  ASSERT_EQ(send(client.get(), part.data(), part.size(), 0), static_cast<ssize_t>(part.size()));
  std::this_thread::sleep_for(50ms);
  const auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(end(SIGINT), 1U);
  const auto took = std::chrono::steady_clock::now() - started;
  EXPECT_GE(took, 250ms);
  EXPECT_LT(took, 5s);
}

TEST_F(ServiceTest, ASecondSignalEndsAtOnce) {
  start({.drain_timeout = 60s});
  const auto client = connect_to(service_->address());
  const auto part = kPredict.substr(0, 30);
  ASSERT_EQ(send(client.get(), part.data(), part.size(), 0), static_cast<ssize_t>(part.size()));
  std::this_thread::sleep_for(50ms);
  kill(getpid(), SIGTERM);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(end(), 1U);
}

TEST_F(ServiceTest, ServesOnForTheDelayWithReadinessFailing) {
  start({.drain_delay = 500ms});
  const auto client = connect_to(service_->address());
  EXPECT_TRUE(talk(client, kPredict, "}").starts_with("HTTP/1.1 200"));
  kill(getpid(), SIGTERM);
  const auto ready = ask_until("GET /v2/health/ready HTTP/1.1\r\nHost: a\r\n\r\n", "503");
  EXPECT_EQ(ready.find("Connection: close"), std::string::npos) << ready;
  EXPECT_TRUE(talk(client, kPredict, "}").starts_with("HTTP/1.1 200"));
  shutdown(client.get(), SHUT_RDWR);
  thread_.join();
  EXPECT_EQ(ending_.cut + ending_.late, 0U);
}

TEST_F(ServiceTest, ASecondSignalEndsTheDelayToo) {
  start({.drain_delay = 60s});
  const auto client = connect_to(service_->address());
  EXPECT_TRUE(talk(client, kPredict, "}").starts_with("HTTP/1.1 200"));
  kill(getpid(), SIGTERM);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(end(), 0U);
}

TEST_F(ServiceTest, ABusyPortIsAnErrorThatNamesIt) {
  start({});
  ServiceOptions options{.host = "127.0.0.1", .admin_port = 0};
  const auto address = service_->address();
  options.port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  const auto second = Service::open(options, example_served_model(), clock_, log_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ExitCode::kEnvironment);
  EXPECT_NE(second.error().message.find(address), std::string::npos) << second.error().message;
  end();
}

}  // namespace
}  // namespace iris::serve
