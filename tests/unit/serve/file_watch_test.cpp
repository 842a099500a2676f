#include "serve/file_watch.hpp"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "scratch_folder.hpp"

namespace iris::serve {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::vector<std::string> texts(const std::vector<PathStep>& steps) {
  std::vector<std::string> result;
  for (const auto& [folder, name] : steps) result.push_back(folder + " " + name);
  return result;
}

TEST(PathSteps, AreTheNamesThatTheKernelGoesThrough) {
  EXPECT_EQ(texts(path_steps("/no/such/./way/../file")),
            (std::vector<std::string>{"/ no", "/no such", "/no/such way", "/no/such file"}));
}

TEST(PathSteps, FollowLinksOfFilesAndOfFolders) {
  const ScratchFolder folder;
  fs::create_directory(folder / "v1");
  folder.write("v1/model", "1");
  fs::create_directory_symlink("v1", folder / "..data");
  fs::create_symlink("..data/model", folder / "model");
  const auto root = folder / "";
  const auto base = root.substr(0, root.size() - 1);
  const auto steps = texts(path_steps(folder / "model"));
  ASSERT_GE(steps.size(), 4U);
  EXPECT_EQ(std::vector(steps.end() - 4, steps.end()),
            (std::vector<std::string>{base + " model", base + " ..data", base + " v1",
                                      base + "/v1 model"}));
}

TEST(PathSteps, EndWhereLinksGoInACircle) {
  const ScratchFolder folder;
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  EXPECT_LT(path_steps(folder / "a").size(), 100U);
}

// The one that this process has.
int inotify_descriptor() {
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code code;
    if (fs::read_symlink(entry.path(), code) == "anon_inode:inotify") {
      return std::stoi(entry.path().filename().string());
    }
  }
  return -1;
}

// What it asks of each folder that it watches.
std::vector<unsigned long> watched_events() {
  constexpr std::string_view kMask = " mask:";
  std::vector<unsigned long> masks;
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(inotify_descriptor()));
  for (std::string line; std::getline(info, line);) {
    const auto at = line.find(kMask);
    if (at != std::string::npos) {
      masks.push_back(std::stoul(line.substr(at + kMask.size()), nullptr, 16));
    }
  }
  return masks;
}

class FileWatchTest : public testing::Test {
 protected:
  void watch(const std::string& name) { watch(name, file_stamp(folder_ / name)); }
  void watch(const std::string& name, const FileStamp& known) {
    watch_.emplace(loop_, std::vector<WatchedFile>{{folder_ / name, known, [this] { ++told_; }}});
    const auto started = watch_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  // How often it was told of the file until it is at rest, or for `patience`.
  int told(Nanoseconds patience = 2s) {
    const auto end = clock_.steady() + patience;
    while (told_ == 0 && clock_.steady() < end) loop_.run_once(20ms);
    const auto rest = clock_.steady() + 120ms;
    while (clock_.steady() < rest) loop_.run_once(20ms);
    return std::exchange(told_, 0);
  }

  ScratchFolder folder_;
  SystemClock clock_;
  http::EventLoop loop_{clock_};
  std::optional<FileWatch> watch_;
  int told_ = 0;
};

TEST_F(FileWatchTest, TellsOfAFileThatIsRewritten) {
  folder_.write("model", "1");
  watch("model");
  folder_.write("model", "2");
  EXPECT_EQ(told(), 1);
  folder_.write("model", "3");
  EXPECT_EQ(told(), 1);
}

TEST_F(FileWatchTest, TellsOfAFileThatIsRenamedIntoPlace) {
  folder_.write("model", "1");
  watch("model");
  for (int i = 0; i < 2; ++i) {
    folder_.write("model.new", "2");
    fs::rename(folder_ / "model.new", folder_ / "model");
    EXPECT_EQ(told(), 1);
  }
}

// What the kubelet does: a new folder, a link beside the old one, and that renamed over it.
TEST_F(FileWatchTest, TellsOfAVolumeThatKubernetesSwaps) {
  fs::create_directory(folder_ / "..v1");
  folder_.write("..v1/model", "1");
  fs::create_directory_symlink("..v1", folder_ / "..data");
  fs::create_symlink("..data/model", folder_ / "model");
  watch("model");
  for (int i = 2; i < 4; ++i) {
    const auto version = "..v" + std::to_string(i);
    fs::create_directory(folder_ / version);
    folder_.write(version + "/model", "2");
    fs::create_directory_symlink(version, folder_ / "..data_tmp");
    fs::rename(folder_ / "..data_tmp", folder_ / "..data");
    EXPECT_EQ(told(), 1) << version;
    // The folder that the links lead to now is watched, too.
    folder_.write(version + "/model", "3");
    EXPECT_EQ(told(), 1) << version;
  }
}

TEST_F(FileWatchTest, TellsOfWhatHasChangedBeforeItStarts) {
  folder_.write("model", "1");
  const auto rewritten = file_stamp(folder_ / "model");
  folder_.write("model", "22");
  watch("model", rewritten);
  EXPECT_EQ(told(), 1);

  const auto replaced = file_stamp(folder_ / "model");
  folder_.write("model.new", "33");
  fs::last_write_time(folder_ / "model.new", fs::last_write_time(folder_ / "model"));
  fs::rename(folder_ / "model.new", folder_ / "model");
  watch("model", replaced);
  EXPECT_EQ(told(), 1);

  watch("model");
  EXPECT_EQ(told(300ms), 0);
}

TEST_F(FileWatchTest, TellsOfAFolderThatIsReplaced) {
  fs::create_directory(folder_ / "models");
  folder_.write("models/model", "1");
  watch("models/model");
  fs::rename(folder_ / "models", folder_ / "old");
  fs::create_directory(folder_ / "models");
  folder_.write("models/model", "2");
  EXPECT_EQ(told(), 1);
  folder_.write("models/model", "3");
  EXPECT_EQ(told(), 1);
}

TEST_F(FileWatchTest, SaysNothingOfItsNeighbours) {
  folder_.write("model", "1");
  watch("model");
  folder_.write("model.new", "2");
  folder_.write("other", "2");
  EXPECT_EQ(told(300ms), 0);
}

// The kernel goes through every name that it knows of a folder whose files' contents are watched.
TEST_F(FileWatchTest, AsksForWhatIsWrittenOnlyInTheFolderOfTheFile) {
  fs::create_directories(folder_ / "configuration/v1");
  folder_.write("configuration/v1/model", "1");
  fs::create_symlink("configuration/v1/model", folder_ / "model");
  watch("model");
  const auto masks = watched_events();
  EXPECT_GE(masks.size(), 4U);
  EXPECT_EQ(std::count_if(masks.begin(), masks.end(), [](auto mask) { return mask & IN_MODIFY; }),
            1);
}

TEST_F(FileWatchTest, TellsOfAFileBesideTheFolderOfAnother) {
  fs::create_directory(folder_ / "secrets");
  folder_.write("model", "1");
  folder_.write("secrets/token", "1");
  int model = 0;
  int token = 0;
  const auto of = [&](const std::string& name, int& count) {
    return WatchedFile{folder_ / name, file_stamp(folder_ / name), [&count] { ++count; }};
  };
  watch_.emplace(loop_, std::vector{of("model", model), of("secrets/token", token)});
  ASSERT_TRUE(watch_->start());
  // Opened again, not made anew: only what is written says that it is another.
  folder_.write("model", "2");
  told(300ms);
  EXPECT_EQ(model, 1);
  folder_.write("secrets/token", "2");
  told(300ms);
  EXPECT_EQ(token, 1);
  EXPECT_EQ(model, 1);
}

TEST_F(FileWatchTest, LeavesTheLoopToOthersHoweverMuchIsWrittenBesideTheFile) {
  folder_.write("model", "1");
  watch("model");
  std::ofstream a(folder_ / "a");
  std::ofstream b(folder_ / "b");
  for (int i = 0; i < 2000; ++i) {
    a << i << std::flush;
    b << i << std::flush;
  }
  folder_.write("model", "2");
  loop_.run_once(0ms);
  int unread = 0;
  ASSERT_EQ(ioctl(inotify_descriptor(), FIONREAD, &unread), 0);
  EXPECT_GT(unread, 0);
  EXPECT_EQ(told(), 1);
}

TEST_F(FileWatchTest, WaitsForAWriterThatHasNotClosedTheFile) {
  folder_.write("model", "1");
  watch("model");
  std::ofstream writer(folder_ / "model", std::ios::binary);
  for (int i = 0; i < 3; ++i) {
    writer << "part" << std::flush;
    EXPECT_EQ(told(300ms), 0);
  }
  writer.close();
  EXPECT_EQ(told(), 1);
}

}  // namespace
}  // namespace iris::serve
