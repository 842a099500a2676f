// How long a server needs from exec to its first right answer: starts it once, asks without a pause
// until it answers, and prints the time between in microseconds.
//
//   start PORT CORE REQUEST_FILE COMMAND [ARGUMENT]...
//
// The server runs on CORE and must listen on 127.0.0.1:PORT; the request is sent as it stands in
// the file. An answer is right when its status is 200. The server is ended before the program ends.
// Exit status: 0 done; 1 the server ended or did not answer within a minute; 2 wrong use.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.hpp"

namespace {

using Clock = std::chrono::steady_clock;  // the same for every process of the machine
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr auto kAnswerWithin = seconds(60);
constexpr auto kEndWithin = seconds(10);
constexpr std::string_view kGood = "HTTP/1.1 200";

template <class Number>
std::optional<Number> parse(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A running server, in a process group of its own so that its children end with it.
class Server {
 public:
  // `argv` ends with a null pointer.
  Server(char** argv, std::size_t core) {
    // The child notes the time itself: what fork costs is no part of a start.
    void* shared = mmap(nullptr, sizeof(Clock::time_point), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return;
    began_ = static_cast<Clock::time_point*>(shared);
    pid_ = fork();
    if (pid_ == 0) run(argv, core);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  ~Server() {
    if (pid_ > 0) {
      if (!ended_) kill(pid_, SIGTERM);
      const auto deadline = Clock::now() + kEndWithin;
      while (running() && Clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      kill(-pid_, SIGKILL);
      if (!ended_) waitpid(pid_, nullptr, 0);
    }
    if (began_ != nullptr) munmap(began_, sizeof *began_);
  }

  bool running() {
    if (pid_ > 0 && !ended_) ended_ = waitpid(pid_, nullptr, WNOHANG) == pid_;
    return pid_ > 0 && !ended_;
  }

  // When exec was called; of meaning once the server has answered.
  Clock::time_point began() const { return *began_; }

 private:
  [[noreturn]] void run(char** argv, std::size_t core) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);  // whoever ends this program ends the server
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    // What the server says is no figure: it goes where errors go.
    if (sched_setaffinity(0, sizeof cores, &cores) == 0 &&
        dup2(STDERR_FILENO, STDOUT_FILENO) >= 0) {
      *began_ = Clock::now();
      execvp(argv[0], argv);
    }
    std::perror(argv[0]);
    _exit(127);
  }

  Clock::time_point* began_ = nullptr;
  pid_t pid_ = -1;
  bool ended_ = false;
};

bool wait_for(int socket, short events, Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  pollfd watched{socket, events, 0};
  return left.count() > 0 && poll(&watched, 1, static_cast<int>(left.count())) == 1;
}

// Null when nobody listens there yet.
iris::Fd connect_to(std::uint16_t port, Clock::time_point deadline) {
  iris::Fd connection(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in here{};
  here.sin_family = AF_INET;
  // From another address: a socket that connects to a free port of its own address may be given
  // this very port, and then answers itself.
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  there.sin_port = htons(port);
  if (bind(connection.get(), reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) return {};
  if (connect(connection.get(), reinterpret_cast<sockaddr*>(&there), sizeof there) != 0) {
    if (errno != EINPROGRESS || !wait_for(connection.get(), POLLOUT, deadline)) return {};
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return {};
  }
  return connection;
}

// Whether the server gave a right answer; on the first bytes of it, which hold the status.
bool ask(std::uint16_t port, std::string_view request, Clock::time_point deadline) {
  const iris::Fd connection = connect_to(port, deadline);
  if (!connection) return false;
  if (send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return false;
  }
  if (!wait_for(connection.get(), POLLIN, deadline)) return false;
  std::array<char, 4096> answer;
  const ssize_t got = recv(connection.get(), answer.data(), answer.size(), 0);
  return got > 0 &&
         std::string_view(answer.data(), static_cast<std::size_t>(got)).starts_with(kGood);
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc > 4 ? parse<std::uint16_t>(argv[1]) : std::nullopt;
  const auto core = argc > 4 ? parse<std::uint16_t>(argv[2]) : std::nullopt;
  if (!port || !core || *core >= CPU_SETSIZE) {
    std::fputs("usage: start PORT CORE REQUEST_FILE COMMAND [ARGUMENT]...\n", stderr);
    return 2;
  }
  std::ifstream file(argv[3], std::ios::binary);
  const std::string request{std::istreambuf_iterator<char>(file), {}};
  if (request.empty()) {
    std::fprintf(stderr, "start: nothing to ask in %s\n", argv[3]);
    return 2;
  }
  Server server(argv + 4, *core);
  const auto deadline = Clock::now() + kAnswerWithin;
  while (server.running() && Clock::now() < deadline) {
    if (!ask(*port, request, deadline)) continue;
    const auto took = std::chrono::duration<double, std::micro>(Clock::now() - server.began());
    std::printf("%.1f\n", took.count());
    return 0;
  }
  std::fprintf(stderr, "start: %s %s\n", argv[4],
               server.running() ? "did not answer" : "ended before it answered");
  return 1;
}
