#include "scale/local/reuseport_group.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace iris::scale::local {
namespace {

// Opens connections and counts what arrived at each slot.
std::vector<int> spread(const ReuseportGroup& group, int connections) {
  std::vector<Fd> clients;
  for (int i = 0; i < connections; ++i) {
    Fd client(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(group.port());
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    clients.push_back(std::move(client));
  }
  std::vector<int> counts(group.slots());
  for (std::size_t slot = 0; slot < group.slots(); ++slot) {
    while (true) {
      const Fd accepted(::accept4(group.socket(slot), nullptr, nullptr, SOCK_NONBLOCK));
      if (!accepted) break;
      ++counts[slot];
    }
  }
  return counts;
}

TEST(ReuseportGroup, SpreadsEvenlyOverAllReadySlots) {
  auto group = ReuseportGroup::open("127.0.0.1", 0, 3);
  ASSERT_TRUE(group) << group.error().message;
  ASSERT_TRUE(group->set_ready({0, 1, 2}));
  const auto counts = spread(*group, 600);
  // Binomial with p = 1/3: a deviation of 58 is five standard deviations.
  for (const int count : counts) EXPECT_NEAR(count, 200, 58);
  EXPECT_EQ(counts[0] + counts[1] + counts[2], 600);
}

TEST(ReuseportGroup, GivesNothingToASlotThatIsNotReady) {
  auto group = ReuseportGroup::open("127.0.0.1", 0, 4);
  ASSERT_TRUE(group) << group.error().message;
  ASSERT_TRUE(group->set_ready({1, 3}));
  const auto counts = spread(*group, 200);
  EXPECT_EQ(counts[0], 0);
  EXPECT_EQ(counts[2], 0);
  EXPECT_NEAR(counts[1], 100, 36);
  ASSERT_TRUE(group->set_ready({2}));
  EXPECT_EQ(spread(*group, 50), (std::vector<int>{0, 0, 50, 0}));
}

TEST(ReuseportGroup, LetsConnectionsWaitWhereTheLastReadySlotWas) {
  auto group = ReuseportGroup::open("127.0.0.1", 0, 2);
  ASSERT_TRUE(group) << group.error().message;
  ASSERT_TRUE(group->set_ready({1}));
  ASSERT_TRUE(group->set_ready({}));
  EXPECT_EQ(spread(*group, 20), (std::vector<int>{0, 20}));
}

TEST(ReuseportGroup, WorksWithOneSlot) {
  auto group = ReuseportGroup::open("127.0.0.1", 0, 1);
  ASSERT_TRUE(group) << group.error().message;
  ASSERT_TRUE(group->set_ready({0}));
  EXPECT_EQ(spread(*group, 5), std::vector<int>{5});
}

TEST(ReuseportGroup, BoundsItsSlots) {
  EXPECT_FALSE(ReuseportGroup::open("127.0.0.1", 0, 0));
  EXPECT_FALSE(ReuseportGroup::open("127.0.0.1", 0, ReuseportGroup::kSlots + 1));
}

}  // namespace
}  // namespace iris::scale::local
