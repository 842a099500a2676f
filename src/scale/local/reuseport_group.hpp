// A Service on one machine, without a proxy: one listening socket per replica slot, all of one
// SO_REUSEPORT group, and a classic BPF program that gives each new connection to a random slot
// among the ready ones, as kube-proxy would.
//
//   auto group = ReuseportGroup::open("127.0.0.1", 0, 3);
//   group->set_ready({0, 2});        // slot 1 gets nothing new
//   Process::start({.listen_fds = {group->socket(0), admin}, …});
//
// The sockets stay open here, so that connections which wait in a slot outlive its replica.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace iris::scale::local {

class ReuseportGroup {
 public:
  static constexpr std::size_t kSlots = 256;  // a jump of classic BPF reaches 255 instructions

  // Port 0 lets the kernel choose. New connections go to slot 0 until set_ready.
  static Result<ReuseportGroup> open(const std::string& host, std::uint16_t port,
                                     std::size_t slots);

  int socket(std::size_t slot) const { return sockets_[slot].get(); }
  std::size_t slots() const { return sockets_.size(); }
  std::uint16_t port() const { return port_; }

  // The slots that get new connections, with equal chances. None: the last ones stay, and what
  // comes waits in their queues.
  Result<void> set_ready(const std::vector<std::size_t>& slots);

 private:
  std::vector<Fd> sockets_;
  std::uint16_t port_ = 0;
};

// One listening socket on loopback with a port of the kernel's choice.
struct Listener {
  Fd socket;
  std::uint16_t port = 0;
};
Result<Listener> listen_on_loopback();

}  // namespace iris::scale::local
