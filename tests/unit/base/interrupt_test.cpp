#include "base/interrupt.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace iris {
namespace {

using namespace std::chrono_literals;

TEST(Interrupt, StaysRequestedOnceASignalCame) {
  auto interrupt = Interrupt::open();
  ASSERT_TRUE(interrupt);
  EXPECT_FALSE(interrupt->requested());
  ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  EXPECT_TRUE(interrupt->requested());
  EXPECT_TRUE(interrupt->requested());
}

TEST(Interrupt, WaitsItsTimeWithoutASignal) {
  auto interrupt = Interrupt::open();
  ASSERT_TRUE(interrupt);
  const SystemClock clock;
  const auto began = clock.steady();
  EXPECT_FALSE(interrupt->wait(20ms));
  EXPECT_GE(clock.steady() - began, 20ms);
}

TEST(Interrupt, ASignalEndsTheWait) {
  auto interrupt = Interrupt::open();
  ASSERT_TRUE(interrupt);
  ASSERT_EQ(::kill(::getpid(), SIGINT), 0);
  const SystemClock clock;
  const auto began = clock.steady();
  EXPECT_TRUE(interrupt->wait(60s));
  EXPECT_LT(clock.steady() - began, 30s);
}

TEST(Interrupt, ASignalThatWasAskedForDoesNotEndTheProgramLater) {
  {
    auto interrupt = Interrupt::open();
    ASSERT_TRUE(interrupt);
    ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  }
  sigset_t blocked;
  ASSERT_EQ(::sigprocmask(SIG_SETMASK, nullptr, &blocked), 0);
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 0);
}

}  // namespace
}  // namespace iris
