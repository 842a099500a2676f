// Listening sockets: opened here, or handed over by whoever started us (sd_listen_fds(3)).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace iris::http {

// Opens `count` sockets that listen on one address; with more than one the kernel spreads new
// connections over them (SO_REUSEPORT). Port 0 lets the kernel choose. Fails when the address is in
// use, also by another program that would share it. "::" is every address of IPv6 and, unless
// `ipv6_only`, of IPv4 as well.
Result<std::vector<Fd>> listen_on(const std::string& host, std::uint16_t port, std::size_t count,
                                  bool ipv6_only = false);

// The sockets of LISTEN_FDS, from descriptor 3 on, when LISTEN_PID is this process; else none. The
// variables are removed, so that they do not reach children.
Result<std::vector<Fd>> inherited_listeners();

// A second descriptor of the same socket.
Result<Fd> duplicate(const Fd& socket);

// From now on the socket takes no new client: what opens a connection is dropped, so that the
// client tries again a second later, while handshakes that have begun come to their end. Where the
// kernel does not let us, nothing changes.
void drop_new_handshakes(const Fd& listener);

// The address a socket is bound to, as it stands in a URL: "127.0.0.1:8080", "[::1]:8080".
std::string local_address(const Fd& socket);

// Raises the soft limit on open descriptors to the hard one and returns it.
std::size_t raise_descriptor_limit();

}  // namespace iris::http
