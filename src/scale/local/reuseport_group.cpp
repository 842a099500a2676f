#include "scale/local/reuseport_group.hpp"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "http/listen.hpp"

namespace iris::scale::local {
namespace {

Result<std::uint16_t> port_of(const Fd& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return environment_error("cannot read a socket's port: {}", std::strerror(errno));
  }
  return ntohs(address.sin_port);
}

// A = random; A %= count; return the slot that stands at A.
std::vector<sock_filter> random_slot_program(const std::vector<std::size_t>& slots) {
  const auto count = static_cast<std::uint32_t>(slots.size());
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count)};
  for (std::uint32_t i = 0; i + 1 < count; ++i) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, static_cast<std::uint32_t>(slots[i])));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, static_cast<std::uint32_t>(slots.back())));
  return program;
}

}  // namespace

Result<ReuseportGroup> ReuseportGroup::open(const std::string& host, std::uint16_t port,
                                            std::size_t slots) {
  if (slots < 1 || slots > kSlots) {
    return input_error("expected 1 to {} replicas on one machine, found {}", kSlots, slots);
  }
  auto sockets = http::listen_on(host, port, slots);
  if (!sockets) return tl::unexpected(sockets.error());
  ReuseportGroup group;
  group.sockets_ = std::move(*sockets);
  const auto bound = port_of(group.sockets_[0]);
  if (!bound) return tl::unexpected(bound.error());
  group.port_ = *bound;
  if (auto set = group.set_ready({0}); !set) return tl::unexpected(set.error());
  return group;
}

Result<void> ReuseportGroup::set_ready(const std::vector<std::size_t>& slots) {
  // A lone socket forms no group, and there is nothing to choose.
  if (slots.empty() || sockets_.size() == 1) return {};
  auto program = random_slot_program(slots);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  // The program belongs to the group; attaching it anew replaces it in one step.
  if (::setsockopt(sockets_[0].get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter,
                   sizeof filter) != 0) {
    return environment_error("cannot attach the program that spreads connections: {}",
                             std::strerror(errno));
  }
  return {};
}

Result<Listener> listen_on_loopback() {
  auto sockets = http::listen_on("127.0.0.1", 0, 1);
  if (!sockets) return tl::unexpected(sockets.error());
  const auto port = port_of(sockets->front());
  if (!port) return tl::unexpected(port.error());
  return Listener{std::move(sockets->front()), *port};
}

}  // namespace iris::scale::local
