#include "http/listen.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <charconv>
#include <cstdlib>

namespace iris::http {
namespace {

std::uint16_t port_of(const Fd& socket) {
  const auto address = local_address(socket);
  std::uint16_t port = 0;
  const auto colon = address.rfind(':');
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  return port;
}

TEST(Listen, SharesOnePortAmongThreads) {
  const auto sockets = listen_on("127.0.0.1", 0, 3);
  ASSERT_TRUE(sockets) << sockets.error().message;
  ASSERT_EQ(sockets->size(), 3U);
  EXPECT_NE(port_of((*sockets)[0]), 0);
  EXPECT_EQ(port_of((*sockets)[0]), port_of((*sockets)[2]));
}

// SO_REUSEPORT would let a second server take half of the first one's connections.
TEST(Listen, DoesNotShareWithAnotherServer) {
  const auto first = listen_on("127.0.0.1", 0, 2);
  ASSERT_TRUE(first);
  for (const std::size_t count : {1, 2}) {
    const auto second = listen_on("127.0.0.1", port_of(first->front()), count);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ExitCode::kEnvironment);
    EXPECT_NE(second.error().message.find("Address already in use"), std::string::npos);
  }
}

TEST(Listen, TakesBothFamiliesUnlessItIsToldNotTo) {
  for (const bool ipv6_only : {false, true}) {
    const auto sockets = listen_on("::", 0, 2, ipv6_only);
    ASSERT_TRUE(sockets) << sockets.error().message;
    // The port is free for IPv4 only where it was not taken with IPv6's.
    const auto other = listen_on("127.0.0.1", port_of(sockets->front()), 1);
    EXPECT_EQ(other.has_value(), ipv6_only);
  }
}

TEST(Listen, NamesAHostThatIsNotThere) {
  const auto sockets = listen_on("256.1.1.1", 0, 1);
  ASSERT_FALSE(sockets);
  EXPECT_NE(sockets.error().message.find("256.1.1.1"), std::string::npos);
}

TEST(Listen, IgnoresSocketsMeantForAnotherProcess) {
  setenv("LISTEN_PID", "1", 1);
  setenv("LISTEN_FDS", "1", 1);
  const auto sockets = inherited_listeners();
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  ASSERT_TRUE(sockets);
  EXPECT_TRUE(sockets->empty());
}

TEST(Listen, RefusesInheritedDescriptorsThatDoNotListen) {
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", "16", 1);
  const auto sockets = inherited_listeners();
  ASSERT_FALSE(sockets);
  EXPECT_NE(sockets.error().message.find("LISTEN_FDS"), std::string::npos);
  EXPECT_EQ(getenv("LISTEN_FDS"), nullptr);
}

}  // namespace
}  // namespace iris::http
