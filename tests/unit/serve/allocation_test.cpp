// A connection that goes on and on costs no allocation: every operator new of this program is
// counted while requests are answered over a real socket.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "example_model.hpp"
#include "http/listen.hpp"
#include "http/server.hpp"
#include "serve/routes.hpp"

namespace {
std::atomic<std::size_t> allocations{0};

void* counted(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace iris::serve {
namespace {

class AllocationTest : public testing::Test {
 protected:
  AllocationTest() {
    auto listeners = http::listen_on("127.0.0.1", 0, 1);
    socklen_t size = sizeof address_;
    getsockname(listeners->front().get(), reinterpret_cast<sockaddr*>(&address_), &size);
    server_.listen(std::move(listeners->front()));
    client_ = Fd(socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(connect(client_.get(), reinterpret_cast<sockaddr*>(&address_), size), 0);
  }

  // Sends the request and runs the server until all of the answer is there.
  void ask(const std::string& request, std::string_view end) {
    ASSERT_EQ(send(client_.get(), request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
    for (;;) {
      loop_.run_once({});
      char bytes[8192];
      const auto count = recv(client_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (count > 0 && std::string_view(bytes, static_cast<std::size_t>(count)).ends_with(end))
        return;
    }
  }

  std::size_t allocations_of(const std::string& request, int times, std::string_view end = "}") {
    for (int i = 0; i < 10; ++i) ask(request, end);  // lets every buffer grow
    const std::size_t before = allocations;
    for (int i = 0; i < times; ++i) ask(request, end);
    return allocations - before;
  }

  sockaddr_in address_{};
  SystemClock clock_;
  http::EventLoop loop_{clock_};
  std::atomic<bool> draining_{false};
  WorkerMetrics metrics_;
  const ModelStore models_{example_served_model()};
  ServiceRoutes routes_{{models_, metrics_, draining_, clock_, {"1.2.3"}}};
  http::Server server_{loop_, {}, routes_, metrics_.http, clock_, 1};
  Fd client_;
};

std::string post(const std::string& body, const char* path = "/predict",
                 const std::string& fields = "") {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{}"
      "Content-Length: {}\r\n\r\n{}",
      path, fields, body.size(), body);
}

TEST_F(AllocationTest, TheCounterCounts) {
  const std::size_t before = allocations;
  const auto memory = std::make_unique<std::string>(100, 'x');
  EXPECT_EQ(allocations - before, 2U);
}

// The clock's date may change in the time, so a few are allowed; one for each
// request is what would show.
TEST_F(AllocationTest, ArrayRows) {
  EXPECT_LE(allocations_of(post(R"({"instances":[[5.1,3.5],[1,2],[3,4]]})"), 1000), 3U);
}

TEST_F(AllocationTest, NumbersOfManyDigits) {
  const auto request = post(R"({"instances":[[0.10000000000000000555,3.14159265358979311600]]})");
  EXPECT_LE(allocations_of(request, 1000), 3U);
}

TEST_F(AllocationTest, ObjectRowsWithProbabilities) {
  const auto request =
      post(R"({"instances":[{"height":1,"width":2}],"parameters":{"probabilities":true}})");
  EXPECT_LE(allocations_of(request, 1000), 3U);
}

TEST_F(AllocationTest, InferenceInJson) {
  const auto request = post(
      R"({"id":"7","inputs":[{"name":"input","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4]]}]})",
      "/v2/models/example/infer");
  EXPECT_LE(allocations_of(request, 1000), 3U);
}

TEST_F(AllocationTest, InferenceByFeature) {
  const auto request =
      post(R"({"inputs":[{"name":"height","shape":[2],"datatype":"FP32","data":[1,2]},)"
           R"({"name":"width","shape":[2],"datatype":"FP32","data":[3,4]}]})",
           "/v2/models/example/infer");
  EXPECT_LE(allocations_of(request, 1000), 3U);
}

TEST_F(AllocationTest, InferenceOfABinaryTensor) {
  const std::string json =
      R"({"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32",)"
      R"("parameters":{"binary_data_size":8}}],"outputs":[{"name":"label","parameters":)"
      R"({"binary_data":true}},{"name":"probabilities"}]})";
  const auto request = post(json + std::string(8, '\0'), "/v2/models/example/infer",
                            fmt::format("Inference-Header-Content-Length: {}\r\n", json.size()));
  EXPECT_LE(allocations_of(request, 1000, "wide"), 3U);
}

TEST_F(AllocationTest, Chunked) {
  const std::string request =
      "POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "15\r\n{\"instances\":[[2,1]]}\r\n0\r\n\r\n";
  EXPECT_LE(allocations_of(request, 1000), 3U);
}

// {"instances":[[2,1]]} by gzip. zlib takes its memory by malloc, which is not counted, with the
// first body.
TEST_F(AllocationTest, Gzip) {
  constexpr std::string_view kPacked(
      "\037\213\010\000\000\000\000\000\002\003\253\126\312\314\053\056\111\314\113\116"
      "\055\126\262\212\216\066\322\061\214\215\255\005\000\265\333\064\321\025\000\000"
      "\000",
      41);
  EXPECT_LE(
      allocations_of(post(std::string(kPacked), "/predict", "Content-Encoding: gzip\r\n"), 1000),
      3U);
}

TEST_F(AllocationTest, Health) {
  EXPECT_LE(allocations_of("GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 1000), 3U);
}

}  // namespace
}  // namespace iris::serve
