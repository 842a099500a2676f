// Lines to a pipe that is read, read late or not at all.
#include "base/line_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "base/fd.hpp"

namespace iris {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRoomBytes = 10'000;

std::string tell(std::uint64_t count) {
  return "dropped " + std::to_string(count) + "\n";
}

class LineWriterTest : public testing::Test {
 protected:
  LineWriterTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    read_end_ = Fd(ends[0]);
    write_end_ = Fd(ends[1]);
    auto writer = LineWriter::start(write_end_.get(), kRoomBytes, tell);
    EXPECT_TRUE(writer) << writer.error().message;
    writer_ = std::move(*writer);
  }

  // After this only what was read makes room.
  void fill_pipe() {
    const int flags = fcntl(write_end_.get(), F_GETFL);
    fcntl(write_end_.get(), F_SETFL, flags | O_NONBLOCK);
    while (write(write_end_.get(), "x", 1) == 1) {
    }
    fcntl(write_end_.get(), F_SETFL, flags);
  }

  // Everything up to `end`, without what fill_pipe() wrote.
  std::string read_until(std::string_view end) {
    std::string text;
    char byte = 0;
    while (!text.ends_with(end) && read(read_end_.get(), &byte, 1) == 1) {
      if (byte != 'x') text += byte;
    }
    return text;
  }

  Fd read_end_;
  Fd write_end_;
  std::unique_ptr<LineWriter> writer_;
};

TEST_F(LineWriterTest, WritesEachLineInOrder) {
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const auto line = std::to_string(i) + "\n";
    expected += line;
    writer_->add(line);
  }
  EXPECT_EQ(read_until("99\n"), expected);
  EXPECT_TRUE(writer_->flush(10s));
  EXPECT_EQ(writer_->dropped(), 0U);
}

TEST_F(LineWriterTest, DropsTheOldestLinesThatFindNoRoomAndTellsOfThemWhenThereIs) {
  fill_pipe();
  writer_->add("first\n");
  EXPECT_FALSE(writer_->flush(50ms)) << "it hangs in this line";
  for (int i = 0; i < 1000; ++i) writer_->add(std::to_string(i) + std::string(99, '-') + "\n");
  EXPECT_GT(writer_->dropped(), 800U);
  writer_->add("last\n");
  const auto dropped = writer_->dropped();
  const auto text = read_until("last\n");
  const auto told = tell(dropped) + std::to_string(dropped) + "-";
  EXPECT_TRUE(text.starts_with("first\n" + told)) << text.substr(0, 200);
  EXPECT_TRUE(writer_->flush(10s));
  EXPECT_EQ(writer_->dropped(), dropped);
  writer_->add("after\n");
  EXPECT_EQ(read_until("after\n"), "after\n") << "it is told once";
}

TEST_F(LineWriterTest, DropsALineThatIsLongerThanTheRoom) {
  writer_->add(std::string(2 * kRoomBytes, '-') + "\n");
  writer_->add("after\n");
  EXPECT_EQ(read_until("after\n"), "dropped 1\nafter\n");
}

TEST_F(LineWriterTest, EndsAlthoughItsThreadHangs) {
  fill_pipe();
  writer_->add("never\n");
  EXPECT_FALSE(writer_->flush(20ms));
  writer_ = nullptr;
}

TEST_F(LineWriterTest, GivesUpLinesWhoseReaderHasGone) {
  std::signal(SIGPIPE, SIG_IGN);
  fill_pipe();
  writer_->add("never\n");
  read_end_ = Fd();
  EXPECT_TRUE(writer_->flush(10s));
}

TEST_F(LineWriterTest, WaitsForAPipeThatAnotherHasMadeNonBlocking) {
  fill_pipe();
  fcntl(write_end_.get(), F_SETFL, fcntl(write_end_.get(), F_GETFL) | O_NONBLOCK);
  writer_->add("late\n");
  EXPECT_FALSE(writer_->flush(50ms));
  EXPECT_EQ(read_until("late\n"), "late\n");
}

}  // namespace
}  // namespace iris
