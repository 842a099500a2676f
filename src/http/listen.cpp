#include "http/listen.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace iris::http {
namespace {

constexpr int kFirstInherited = 3;
constexpr int kInheritedMax = 16;

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Result<AddressList> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) {
    return input_error("cannot listen on host '{}': {}; give an address of this machine", host,
                       gai_strerror(code));
  }
  return AddressList(found, &freeaddrinfo);
}

bool set_flag(int fd, int level, int option, bool on) {
  const int value = on ? 1 : 0;
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool enable(int fd, int level, int option) {
  return set_flag(fd, level, option, true);
}

// Accepted sockets inherit both options from the listening one.
bool prepare_listener(int fd) {
  return enable(fd, IPPROTO_TCP, TCP_NODELAY) && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

Result<Fd> open_listener(const addrinfo& address, bool shares, bool first, bool ipv6_only) {
  Fd fd(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto fail = [&]() -> tl::unexpected<Error> {
    const int code = errno;
    return environment_error("cannot listen on {}: {}{}", local_address(fd), std::strerror(code),
                             code == EADDRINUSE ? "; choose another with --port (0: any)" : "");
  };
  if (!fd || !enable(fd.get(), SOL_SOCKET, SO_REUSEADDR)) return fail();
  // The machine's own default (net.ipv6.bindv6only) may be either.
  if (address.ai_family == AF_INET6 && !set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, ipv6_only)) {
    return fail();
  }
  // The first binds without sharing, so that a port in use by another server is an error and not a
  // share of its connections; sharing begins before it listens.
  if (shares && !first && !enable(fd.get(), SOL_SOCKET, SO_REUSEPORT)) return fail();
  if (bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    const int code = errno;
    char host[NI_MAXHOST] = "";
    char port[NI_MAXSERV] = "";
    getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    return environment_error("cannot listen on {}:{}: {}; choose another port (0: any free one)",
                             host, port, std::strerror(code));
  }
  if (shares && first && !enable(fd.get(), SOL_SOCKET, SO_REUSEPORT)) return fail();
  if (!prepare_listener(fd.get()) || listen(fd.get(), SOMAXCONN) != 0) return fail();
  return fd;
}

void set_port(addrinfo& address, const Fd& bound) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  getsockname(bound.get(), reinterpret_cast<sockaddr*>(&storage), &size);
  std::memcpy(address.ai_addr, &storage, std::min<std::size_t>(size, address.ai_addrlen));
}

int environment_number(const char* name) {
  const char* text = std::getenv(name);
  int number = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
  return number;
}

}  // namespace

Result<std::vector<Fd>> listen_on(const std::string& host, std::uint16_t port, std::size_t count,
                                  bool ipv6_only) {
  auto addresses = resolve(host, port);
  if (!addresses) return tl::unexpected(addresses.error());
  std::vector<Fd> listeners;
  for (std::size_t i = 0; i < count; ++i) {
    auto listener = open_listener(**addresses, count > 1, i == 0, ipv6_only);
    if (!listener) return tl::unexpected(listener.error());
    if (i == 0) set_port(**addresses, *listener);
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

Result<std::vector<Fd>> inherited_listeners() {
  std::vector<Fd> listeners;
  if (environment_number("LISTEN_PID") != getpid()) return listeners;
  const int count = environment_number("LISTEN_FDS");
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  if (count < 1 || count > kInheritedMax) {
    return input_error("LISTEN_FDS: expected 1 to {} sockets", kInheritedMax);
  }
  for (int fd = kFirstInherited; fd < kFirstInherited + count; ++fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
      return input_error("LISTEN_FDS: descriptor {} is not a listening socket", fd);
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (!prepare_listener(fd)) {
      return input_error("LISTEN_FDS: descriptor {} is not a TCP socket", fd);
    }
    listeners.emplace_back(fd);
  }
  return listeners;
}

Result<Fd> duplicate(const Fd& socket) {
  Fd copy(fcntl(socket.get(), F_DUPFD_CLOEXEC, kFirstInherited));
  if (!copy) return environment_error("cannot duplicate a socket: {}", std::strerror(errno));
  return copy;
}

// A socket's filter sees a segment from its TCP header on (RFC 9293, section 3.1).
void drop_new_handshakes(const Fd& listener) {
  constexpr std::uint32_t kFlagsAt = 13;
  constexpr std::uint32_t kSyn = 0x02;
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsAt),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kSyn, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),  // drop it
      BPF_STMT(BPF_RET | BPF_K, 0xffff'ffff),  // take all of it
  }};
  const sock_fprog filter{.len = code.size(), .filter = code.data()};
  setsockopt(listener.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

std::string local_address(const Fd& socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  char host[NI_MAXHOST] = "?";
  char port[NI_MAXSERV] = "?";
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
    getnameinfo(reinterpret_cast<sockaddr*>(&storage), size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
  }
  return storage.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port)
                                       : fmt::format("{}:{}", host, port);
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace iris::http
