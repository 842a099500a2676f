// The limit that a one-thread HTTP server on this machine can reach: it parses nothing. Whatever
// arrives on a connection is read once and answered with the same bytes in one write, so what it
// costs is the kernel's share of a request. bench/serve.py compares servers with it.
//
//   curl -si URL/predict -H 'Content-Type: application/json' -d "$body" > answer.http
//   limit 0 answer.http   # port 0: any free one; prints its address; ends on SIGTERM
//
// Right only for a client that sends a request in one segment and then waits, as wrk does.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t kReadBytes = 16 << 10;
constexpr int kEventsPerWait = 256;

bool fail(const char* what) {
  std::fprintf(stderr, "limit: %s: %s\n", what, std::strerror(errno));
  return false;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

// Listens on the loopback address and prints where; -1 on failure.
int listen_on_loopback(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(listener, generic, size) != 0 || listen(listener, SOMAXCONN) != 0 ||
      getsockname(listener, generic, &size) != 0) {
    fail("cannot listen");
    return -1;
  }
  std::printf("http://127.0.0.1:%u\n", unsigned{ntohs(address.sin_port)});
  std::fflush(stdout);
  return listener;
}

bool watch(int epoll, int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void accept_all(int epoll, int listener) {
  for (;;) {
    const int connection = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection < 0) return;
    const int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!watch(epoll, connection)) close(connection);
  }
}

// False when the connection is over, or its client does not take a whole answer.
bool answer_once(int connection, std::string_view answer) {
  std::array<char, kReadBytes> scratch;  // what arrives is not looked at
  const ssize_t got = recv(connection, scratch.data(), scratch.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  return send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(answer.size());
}

bool serve(int listener, std::string_view answer) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || !watch(epoll, listener)) return fail("cannot poll");
  std::array<epoll_event, kEventsPerWait> events;
  for (;;) {
    const int ready = epoll_wait(epoll, events.data(), kEventsPerWait, -1);
    if (ready < 0 && errno != EINTR) return fail("cannot wait");
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
      if (descriptor == listener) {
        accept_all(epoll, listener);
      } else if (!answer_once(descriptor, answer)) {
        close(descriptor);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 3 ? parse_port(argv[1]) : std::nullopt;
  if (!port) {
    std::fputs("usage: limit PORT ANSWER_FILE\n", stderr);
    return 2;
  }
  std::ifstream file(argv[2], std::ios::binary);
  const std::string answer{std::istreambuf_iterator<char>(file), {}};
  if (answer.empty()) {
    std::fprintf(stderr, "limit: nothing to answer in %s\n", argv[2]);
    return 2;
  }
  const int listener = listen_on_loopback(*port);
  return listener >= 0 && serve(listener, answer) ? 0 : 1;
}
